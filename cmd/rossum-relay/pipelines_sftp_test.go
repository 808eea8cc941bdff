package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

const sftpPassword = "correct horse battery"

// serveSFTP serves a folder over SFTP and returns its address and host key.
func serveSFTP(t *testing.T, dir string) (address, hostKey string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
		if string(given) != sftpPassword {
			return nil, errors.New("wrong")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serveSFTPConnection(c, config, dir) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String(), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

func serveSFTPConnection(c net.Conn, config *ssh.ServerConfig, dir string) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		if files, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(dir)); err == nil {
			_ = files.Serve()
			files.Close()
		}
	}
}

// TestReadyPipelineOverSFTP runs the pipeline whose ERP is a folder: what is there, and what is refused.
func TestReadyPipelineOverSFTP(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o750); err != nil {
		t.Fatal(err)
	}
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(in, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name, want string) {
		t.Helper()
		if got, err := os.ReadFile(filepath.Join(in, name)); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
	address, hostKey := serveSFTP(t, dir)
	test := erpTest{env: map[string]string{"SFTP_ADDRESS": address, "SFTP_HOST_KEY": hostKey, "SFTP_PASSWORD": sftpPassword}}
	put("93-1234567_IN_N-3.csv", "another file")
	test.cases = []erpCase{
		{name: "invoice", said: "Delivered as 93-1234567_IN_N-1.csv", field: "document_id"},
		{name: "credit note", set: map[string]string{"document_type": "credit_note"}, said: "Delivered as CZ12345679_CN_N-2.csv"},
		{name: "name taken", dead: outcome.Rejected, said: "a file of this name is there already, with other content"},
		{name: "no date", set: map[string]string{"date_issue": ""}, dead: outcome.Rejected, said: "the date of issue is missing", field: "date_issue"},
	}
	test.run(t, "csv-sftp")
	get("93-1234567_IN_N-1.csv", "380;N-1;2026-03-09;2026-04-08;Harbor & Pine Office Supply, Inc.;;4500012873;USD;3449.43;1;")
	get("93-1234567_IN_N-1.pdf", "%PDF")
	get("93-1234567_IN_N-1.csv.done", "")
	get("CZ12345679_CN_N-2.csv", "381;N-2;2026-02-27;2026-03-13;Lípa a dub nábytek s.r.o.;CZ12345679;;CZK;17916.00;1;")
	get("93-1234567_IN_N-3.csv", "another file")

	_, strange := serveSFTP(t, dir)
	test.env["SFTP_HOST_KEY"] = strange
	test.cases = []erpCase{{name: "strange host key", dead: outcome.Misconfigured, said: "host key"}}
	test.run(t, "csv-sftp")
}

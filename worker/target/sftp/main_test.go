package sftptarget_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	sftptarget "github.com/rossum-relay/rossum-relay/worker/target/sftp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	user     = "acme"
	password = "correct horse battery"
)

// server is an SFTP server on the loopback with files in memory, in a folder in.
type server struct {
	Address string
	HostKey string // in authorized_keys form
	// Connections counts those that authenticated, Attempts the credentials shown.
	Connections, Attempts atomic.Int64
	// Command is called before and after every command that changes names; an error is the answer, errReset none.
	Command func(after bool, r *sftp.Request) error
	// Write is called before every write; errSwallowed confirms it and writes nothing.
	Write func() error
	// Key that may log in, nil for none; NoPassword refuses the password, Dialogue asks for it.
	Key                  ssh.PublicKey
	NoPassword, Dialogue bool
	// Disk is a directory to serve instead of the files in memory.
	Disk string

	handlers sftp.Handlers
	signer   ssh.Signer
	mu       sync.Mutex
	open     map[net.Conn]bool
}

var (
	errReset     = errors.New("reset") // is not answered: the connection is reset
	errSwallowed = errors.New("swallowed")
)

// serve starts a server; set changes it before.
func serve(t *testing.T, set ...func(*server)) *server {
	t.Helper()
	s := &server{handlers: sftp.InMemHandler(), signer: newKey(t), open: map[net.Conn]bool{}}
	s.HostKey = string(ssh.MarshalAuthorizedKey(s.signer.PublicKey()))
	if err := s.handlers.FileCmd.Filecmd(sftp.NewRequest("Mkdir", "/in")); err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		f(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.track(c, true)
			wg.Go(func() {
				defer s.track(c, false)
				s.connection(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); s.Break(); wg.Wait() })
	return s
}

func (s *server) track(c net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[c] = true
		return
	}
	delete(s.open, c)
	c.Close()
}

// Break resets all connections.
func (s *server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

func (s *server) config() *ssh.ServerConfig {
	cfg := &ssh.ServerConfig{MaxAuthTries: 20}
	check := func(c ssh.ConnMetadata, given string) (*ssh.Permissions, error) {
		s.Attempts.Add(1)
		if c.User() != user || given != password {
			return nil, errors.New("wrong")
		}
		return nil, nil
	}
	if !s.NoPassword {
		cfg.PasswordCallback = func(c ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) { return check(c, string(given)) }
	}
	if s.Dialogue {
		cfg.KeyboardInteractiveCallback = func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Your name: ", "Password: "}, []bool{true, false})
			if err != nil || answers[0] != "" {
				return nil, errors.New("wrong")
			}
			return check(c, answers[1])
		}
	}
	if s.Key != nil {
		cfg.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.Attempts.Add(1)
			if c.User() != user || string(key.Marshal()) != string(s.Key.Marshal()) {
				return nil, errors.New("wrong")
			}
			return nil, nil
		}
	}
	cfg.AddHostKey(s.signer)
	return cfg
}

func (s *server) connection(c net.Conn) {
	transport, channels, requests, err := ssh.NewServerConn(c, s.config())
	if err != nil {
		return
	}
	defer transport.Close()
	s.Connections.Add(1)
	go ssh.DiscardRequests(requests)
	for nc := range channels {
		channel, requests, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		if s.Disk != "" {
			if disk, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(s.Disk)); err == nil {
				_ = disk.Serve()
				disk.Close()
			}
			continue
		}
		rs := sftp.NewRequestServer(channel, s.wrap(c), sftp.WithStartDirectory("/"))
		_ = rs.Serve()
		rs.Close()
	}
}

// wrap lets Command and Write have their say.
func (s *server) wrap(c net.Conn) sftp.Handlers {
	h := s.handlers
	f := &faults{s: s, conn: c}
	h.FileCmd, h.FilePut = f, f
	return h
}

type faults struct {
	s    *server
	conn net.Conn
}

func (f *faults) Filecmd(r *sftp.Request) error { return f.command(r, f.s.handlers.FileCmd.Filecmd) }

func (f *faults) PosixRename(r *sftp.Request) error {
	r = r.WithContext(r.Context())
	r.Method = "PosixRename"
	return f.command(r, func(r *sftp.Request) error {
		return f.s.handlers.FileCmd.(sftp.PosixRenameFileCmder).PosixRename(r)
	})
}

func (f *faults) command(r *sftp.Request, do func(*sftp.Request) error) error {
	for _, after := range []bool{false, true} {
		if after {
			if err := do(r); err != nil {
				return err
			}
		}
		if f.s.Command == nil {
			continue
		}
		err := f.s.Command(after, r)
		if errors.Is(err, errReset) {
			_ = f.conn.(*net.TCPConn).SetLinger(0)
			f.conn.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *faults) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	w, err := f.s.handlers.FilePut.Filewrite(r)
	return faultyWriter{w, f.s}, err
}

type faultyWriter struct {
	io.WriterAt
	s *server
}

func (w faultyWriter) WriteAt(p []byte, off int64) (int, error) {
	if w.s.Write != nil {
		if err := w.s.Write(); errors.Is(err, errSwallowed) {
			return len(p), nil
		} else if err != nil {
			return 0, err
		}
	}
	return w.WriterAt.WriteAt(p, off)
}

// Files are those in the folder in, hidden ones too, and those beside it.
func (s *server) Files(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range []string{"/", "/in"} {
		list, err := s.handlers.FileList.Filelist(sftp.NewRequest("List", dir))
		if err != nil {
			t.Fatal(err)
		}
		infos := make([]os.FileInfo, 200)
		n, _ := list.ListAt(infos, 0)
		for _, info := range infos[:n] {
			if !info.IsDir() {
				name := path.Join(dir, info.Name())
				files[strings.TrimPrefix(name, "/")] = s.read(t, name, info.Size())
			}
		}
	}
	return files
}

func (s *server) read(t *testing.T, name string, size int64) string {
	t.Helper()
	r := sftp.NewRequest("Get", name)
	r.Flags = 1 // SSH_FXF_READ
	from, err := s.handlers.FileGet.Fileread(r)
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	if _, err := from.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(content)
}

// Put stores a file behind the target's back.
func (s *server) Put(t *testing.T, name, content string) {
	t.Helper()
	r := sftp.NewRequest("Put", "/"+name)
	r.Flags = 2 | 8 // SSH_FXF_WRITE, SSH_FXF_CREAT
	w, err := s.handlers.FilePut.Filewrite(r)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for off := 0; off < len(content); off += 32 << 10 { // the server in memory sleeps a microsecond for every byte
		wg.Go(func() {
			if _, err := w.WriteAt([]byte(content[off:min(off+32<<10, len(content))]), int64(off)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (s *server) names(t *testing.T) []string { return slices.Sorted(maps.Keys(s.Files(t))) }

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// open makes a target for the server; set changes its configuration.
func open(t *testing.T, s *server, set ...func(*configs.SFTPTarget)) *sftptarget.Target {
	t.Helper()
	cfg := configs.SFTPTarget{
		Address: s.Address, Username: user, Password: configs.NewSecret(password), HostKeys: []string{s.HostKey}, Collision: "same", Private: true,
	}
	for _, f := range set {
		f(&cfg)
	}
	tg, err := sftptarget.New("partner", cfg, sftptarget.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	return tg
}

func document() *target.Request {
	return &target.Request{Method: "PUT", Path: "in/a.xml", Body: []byte("<a/>")}
}

func scan() target.File {
	return target.File{Part: "scan", Name: "x.pdf", Size: 4,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("%PDF")), nil }}
}

func wantOutcome(t *testing.T, got outcome.Outcome, kind outcome.Kind, reason string) {
	t.Helper()
	if got.Kind != kind || got.Reason != reason {
		t.Errorf("got %s %s (%s), want %s %s", got.Kind, got.Reason, got.Message, kind, reason)
	}
}

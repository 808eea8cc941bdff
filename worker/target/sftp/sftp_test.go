package sftptarget_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	sftptarget "github.com/rossum-relay/rossum-relay/worker/target/sftp"
)

func TestUnknownHostKey(t *testing.T) {
	s := serve(t)
	other := string(ssh.MarshalAuthorizedKey(newKey(t).PublicKey()))
	tg := open(t, s, func(cfg *configs.SFTPTarget) { cfg.HostKeys = []string{other} })
	_, out := tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Misconfigured, "host_key")
	if !strings.Contains(out.Message, "SHA256:") {
		t.Errorf("the message does not show the key to compare: %s", out.Message)
	}

	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := ssh.NewPublicKey(&ecdsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	tg = open(t, s, func(cfg *configs.SFTPTarget) { cfg.HostKeys = []string{string(ssh.MarshalAuthorizedKey(kind))} })
	_, out = tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Misconfigured, "host_key")
	if n := s.Attempts.Load(); n != 0 {
		t.Errorf("an unknown host was shown %d credentials", n)
	}

	tg = open(t, s, func(cfg *configs.SFTPTarget) { cfg.HostKeys = []string{other, s.HostKey} })
	_, out = tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.OK, "stored")
}

func TestGuard(t *testing.T) {
	s := serve(t)
	_, out := open(t, s, func(cfg *configs.SFTPTarget) { cfg.Private = false }).Do(t.Context(), document())
	wantOutcome(t, out, outcome.Misconfigured, "ssrf")
	if n := s.Connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// privateKey is a key in OpenSSH form, encrypted if there is a passphrase.
func privateKey(t *testing.T, passphrase string) (configs.Secret, ssh.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return configs.NewSecret(string(pem.EncodeToMemory(block))), key
}

func TestCredentials(t *testing.T) {
	plain, plainKey := privateKey(t, "")
	locked, lockedKey := privateKey(t, "open sesame")
	for name, c := range map[string]struct {
		server func(*server)
		cfg    func(*configs.SFTPTarget)
		kind   outcome.Kind
	}{
		"key": {func(s *server) { s.Key, s.NoPassword = plainKey, true },
			func(cfg *configs.SFTPTarget) { cfg.Password, cfg.PrivateKey = configs.Secret{}, plain }, outcome.OK},
		"key with passphrase": {func(s *server) { s.Key, s.NoPassword = lockedKey, true },
			func(cfg *configs.SFTPTarget) {
				cfg.PrivateKey, cfg.Passphrase = locked, configs.NewSecret("open sesame")
			}, outcome.OK},
		"dialogue":     {func(s *server) { s.Dialogue, s.NoPassword = true, true }, func(*configs.SFTPTarget) {}, outcome.OK},
		"unknown key":  {func(s *server) { s.Key, s.NoPassword = lockedKey, true }, func(cfg *configs.SFTPTarget) { cfg.PrivateKey = plain }, outcome.Reauth},
		"unknown user": {func(*server) {}, func(cfg *configs.SFTPTarget) { cfg.Username = "other" }, outcome.Reauth},
		"key, then password": {func(s *server) { s.Key = lockedKey },
			func(cfg *configs.SFTPTarget) { cfg.PrivateKey = plain }, outcome.OK},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.server)
			_, out := open(t, s, c.cfg).Do(t.Context(), document())
			if out.Kind != c.kind {
				t.Errorf("%s %s (%s)", out.Kind, out.Reason, out.Message)
			}
			if n := s.Attempts.Load(); n > 3 {
				t.Errorf("showed %d credentials: accounts are locked for less", n)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	locked, _ := privateKey(t, "open sesame")
	s := serve(t)
	for want, set := range map[string]func(*configs.SFTPTarget){
		"address must":          func(cfg *configs.SFTPTarget) { cfg.Address = "sftp.example" },
		"username":              func(cfg *configs.SFTPTarget) { cfg.Username = "" },
		"host_keys are":         func(cfg *configs.SFTPTarget) { cfg.HostKeys = nil },
		"host_keys[1]":          func(cfg *configs.SFTPTarget) { cfg.HostKeys = append(cfg.HostKeys, "ssh-ed25519 nonsense") },
		"password or":           func(cfg *configs.SFTPTarget) { cfg.Password = configs.Secret{} },
		"not a private key":     func(cfg *configs.SFTPTarget) { cfg.PrivateKey = configs.NewSecret("hunter2") },
		"passphrase is needed":  func(cfg *configs.SFTPTarget) { cfg.PrivateKey = locked },
		"is passphrase right":   func(cfg *configs.SFTPTarget) { cfg.PrivateKey, cfg.Passphrase = locked, configs.NewSecret("hunter2") },
		"done must be a suffix": func(cfg *configs.SFTPTarget) { cfg.Done = "/../done" },
	} {
		cfg := configs.SFTPTarget{Address: s.Address, Username: user, Password: configs.NewSecret(password), HostKeys: []string{s.HostKey}}
		set(&cfg)
		_, err := sftptarget.New("partner", cfg, sftptarget.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestInstance(t *testing.T) {
	s := serve(t)
	tg := open(t, s, func(cfg *configs.SFTPTarget) { cfg.Address = "SFTP.Partner.example:22" })
	if got := tg.Instance(); got != "sftp.partner.example:22 acme" {
		t.Error(got)
	}
}

func TestConnectionIsReused(t *testing.T) {
	s := serve(t)
	tg := open(t, s)
	put := func(n int) {
		req := document()
		req.Path = fmt.Sprintf("in/%d.xml", n)
		_, out := tg.Do(t.Context(), req)
		wantOutcome(t, out, outcome.OK, "stored")
	}
	put(1)
	put(2)
	if n := s.Connections.Load(); n != 1 {
		t.Errorf("%d connections for two requests", n)
	}
	s.Break()
	put(3)
	if n := s.Connections.Load(); n != 2 {
		t.Errorf("%d connections after one broke", n)
	}
}

func TestRequestsDoNotBreakEachOther(t *testing.T) {
	s := serve(t)
	tg := open(t, s)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			req := document()
			req.Path = fmt.Sprintf("in/%d.xml", n)
			if n%2 == 0 {
				req.Path, req.Timeout = "in/missing/x.xml", time.Nanosecond
			}
			_, out := tg.Do(t.Context(), req)
			if n%2 == 1 {
				wantOutcome(t, out, outcome.OK, "stored")
			} else {
				wantOutcome(t, out, outcome.Retry, "timeout")
			}
		})
	}
	wg.Wait()
}

func TestStuckServer(t *testing.T) {
	stuck := make(chan struct{})
	var once atomic.Bool
	s := serve(t, func(s *server) {
		s.Write = func() error {
			if once.CompareAndSwap(false, true) {
				<-stuck
			}
			return nil
		}
	})
	tg := open(t, s)
	req := document()
	req.Timeout = 100 * time.Millisecond
	_, out := tg.Do(t.Context(), req)
	wantOutcome(t, out, outcome.Retry, "timeout")
	_, out = tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.OK, "stored")
	if n := s.Connections.Load(); n != 2 {
		t.Errorf("%d connections: a stuck one was used again", n)
	}
	close(stuck)
}

func TestUncertainRename(t *testing.T) {
	var once atomic.Bool
	s := serve(t, func(s *server) {
		s.Command = func(after bool, r *sftp.Request) error {
			if r.Method == "Rename" && after && once.CompareAndSwap(false, true) {
				return errReset
			}
			return nil
		}
	})
	tg := open(t, s, func(cfg *configs.SFTPTarget) { cfg.Collision = "suffix" })
	_, out := tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Uncertain, "reset")
	resp, out := tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Duplicate, "same_content")
	if names := s.names(t); resp == nil || len(names) != 1 {
		t.Errorf("there is %v", names)
	}
}

// TestUncertainCompanion: without the document nothing is delivered, whatever became of the companion.
func TestUncertainCompanion(t *testing.T) {
	s := serve(t, func(s *server) {
		s.Command = func(after bool, r *sftp.Request) error {
			if r.Method == "Rename" && after && strings.HasSuffix(r.Target, ".pdf") {
				return errReset
			}
			return nil
		}
	})
	req := document()
	req.Files = []target.File{scan()}
	tg := open(t, s)
	_, out := tg.Do(t.Context(), req)
	wantOutcome(t, out, outcome.Retry, "reset")
	_, out = tg.Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "stored")
}

func TestOrderAndDone(t *testing.T) {
	var order []string
	var mu sync.Mutex
	s := serve(t, func(s *server) {
		s.Command = func(after bool, r *sftp.Request) error {
			mu.Lock()
			defer mu.Unlock()
			if r.Method == "Rename" && after {
				order = append(order, strings.TrimPrefix(r.Target, "/in/"))
			}
			return nil
		}
	})
	req := document()
	req.Files = []target.File{scan()}
	_, out := open(t, s, func(cfg *configs.SFTPTarget) { cfg.Done = ".done" }).Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "stored")
	if want := []string{"a.pdf", "a.xml", "a.xml.done"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestDoneIsMissing(t *testing.T) {
	var fail atomic.Bool
	s := serve(t, func(s *server) {
		s.Command = func(_ bool, r *sftp.Request) error {
			if fail.Load() && strings.HasSuffix(r.Target, ".done") {
				return errReset
			}
			return nil
		}
	})
	tg := open(t, s, func(cfg *configs.SFTPTarget) { cfg.Done = ".done" })
	fail.Store(true)
	_, out := tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Uncertain, "not_finished")
	look := &target.Request{Method: "HEAD", Path: "in/a.xml", Safe: true}
	if resp, _ := tg.Do(t.Context(), look); resp == nil || resp.Status != 404 {
		t.Errorf("an unfinished document is found: %+v", resp)
	}
	fail.Store(false)
	_, out = tg.Do(t.Context(), document())
	wantOutcome(t, out, outcome.Duplicate, "same_content")
	if _, there := s.Files(t)["in/a.xml.done"]; !there {
		t.Errorf("there is %v", s.names(t))
	}
	if resp, _ := tg.Do(t.Context(), look); resp == nil || resp.Status != 200 {
		t.Errorf("a finished document is not found: %+v", resp)
	}
}

func TestRename(t *testing.T) {
	for name, c := range map[string]struct {
		command func(s *server, after bool, r *sftp.Request) error
		kind    outcome.Kind
		reason  string
	}{
		"only posix-rename works": {func(_ *server, _ bool, r *sftp.Request) error {
			if r.Method == "Rename" {
				return sftp.ErrSSHFxOpUnsupported
			}
			return nil
		}, outcome.OK, "stored"},
		"no rename works": {func(_ *server, _ bool, r *sftp.Request) error {
			if strings.HasSuffix(r.Method, "Rename") {
				return sftp.ErrSSHFxOpUnsupported
			}
			return nil
		}, outcome.Misconfigured, "not_supported"},
		"no permission": {func(_ *server, _ bool, r *sftp.Request) error {
			if strings.HasSuffix(r.Method, "Rename") {
				return sftp.ErrSSHFxPermissionDenied
			}
			return nil
		}, outcome.Misconfigured, "permission"},
		"taken in the meantime": {func(s *server, after bool, r *sftp.Request) error {
			if r.Method == "Rename" && !after {
				s.Put(t, "in/a.xml", "<b/>")
			}
			return nil
		}, outcome.Retry, "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(s *server) {
				s.Command = func(after bool, r *sftp.Request) error { return c.command(s, after, r) }
			})
			_, out := open(t, s).Do(t.Context(), document())
			wantOutcome(t, out, c.kind, c.reason)
			for _, name := range s.names(t) {
				if strings.Contains(name, ".relay-") {
					t.Errorf("left behind: %s", name)
				}
			}
			if content := s.Files(t)["in/a.xml"]; c.reason == "taken" && content != "<b/>" {
				t.Errorf("replaced by %q", content)
			}
		})
	}
}

func TestServerSays(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		write  error
		kind   outcome.Kind
		reason string
	}{
		"no folder":     {"missing/a.xml", nil, outcome.Misconfigured, "no_folder"},
		"a folder":      {"in", nil, outcome.Misconfigured, "not_a_file"},
		"no permission": {"in/a.xml", sftp.ErrSSHFxPermissionDenied, outcome.Misconfigured, "permission"},
		"failure":       {"in/a.xml", errors.New("disk full at /srv/acme"), outcome.Retry, "sftp_failure"},
		"lies":          {"in/a.xml", errSwallowed, outcome.Retry, "size"},
		"absolute":      {"/in/a.xml", nil, outcome.OK, "stored"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(s *server) { s.Write = func() error { return c.write } })
			req := document()
			req.Path = c.path
			_, out := open(t, s).Do(t.Context(), req)
			wantOutcome(t, out, c.kind, c.reason)
			if names := s.names(t); len(names) > 0 && c.kind != outcome.OK {
				t.Errorf("left behind: %v", names)
			}
			if strings.Contains(out.Message, "a.xml") || strings.Contains(out.Message, "/srv") {
				t.Errorf("the message holds a path: %s", out.Message)
			}
		})
	}
}

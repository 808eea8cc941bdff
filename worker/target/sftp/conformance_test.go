package sftptarget_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pkg/sftp"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Suite{
		Open: openFar,
		Situations: []targettest.Situation{targettest.Refused, targettest.UnknownHost, targettest.BadCredentials, targettest.Slow,
			targettest.ResetBefore, targettest.ResetAfter, targettest.Full},
	})
}

func openFar(t *testing.T, situation targettest.Situation) targettest.Far {
	s := serve(t, func(s *server) {
		switch situation {
		case targettest.Full:
			s.Write = func() error { return errors.New("no space left") }
		case targettest.ResetBefore, targettest.ResetAfter:
			s.Command = func(after bool, r *sftp.Request) error {
				if r.Method == "Rename" && after == (situation == targettest.ResetAfter) {
					return errReset
				}
				return nil
			}
		}
	})
	tg := open(t, s, func(cfg *configs.SFTPTarget) {
		switch situation {
		case targettest.Refused:
			cfg.Address = closedAddress(t)
		case targettest.UnknownHost:
			cfg.Address = "erp.invalid:22"
		case targettest.BadCredentials:
			cfg.Password = configs.NewSecret("wrong")
		case targettest.Slow:
			cfg.Address = silentAddress(t)
		}
	})
	return targettest.Far{
		Target: tg,
		Write: func(name string, body []byte) *target.Request {
			return &target.Request{Method: "PUT", Path: "in/" + name, Body: body}
		},
		Applied: func() (bodies [][]byte) {
			for name, content := range s.Files(t) {
				if strings.HasPrefix(name, "in/") && !strings.HasPrefix(name, "in/.relay-") {
					bodies = append(bodies, []byte(content))
				}
			}
			return bodies
		},
		Outside: func() bool {
			for name := range s.Files(t) {
				if !strings.HasPrefix(name, "in/") {
					return true
				}
			}
			return false
		},
	}
}

// closedAddress is one nobody listens on, silentAddress one where nobody speaks.
func closedAddress(t *testing.T) string {
	t.Helper()
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

func silentAddress(t *testing.T) string {
	t.Helper()
	return listen(t).Addr().String() // the kernel accepts
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestFiles(t *testing.T) {
	targettest.RunFiles(t, func(t *testing.T, collision string) targettest.FileStore {
		s := serve(t)
		return targettest.FileStore{
			Target: open(t, s, func(cfg *configs.SFTPTarget) { cfg.Collision = collision }),
			Put:    func(name, content string) { s.Put(t, name, content) },
			Files:  func() map[string]string { return s.Files(t) },
		}
	})
}

// TestStreams has the server write to disk: the files of the other tests are in memory.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/in", 0o755); err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(s *server) { s.Disk = dir })
	targettest.Streams(t, open(t, s), "in/a.xml")
}

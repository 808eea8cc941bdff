package dirtarget

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// TestRename is for file systems without hard links.
func TestRename(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"temp", "taken"} {
		if err := os.WriteFile(filepath.Join(root.Name(), name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &staged{root: root, temp: "temp"}
	if err := s.rename("taken"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name: %v", err)
	}
	if err := s.rename("free"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"free": "temp", "taken": "taken"} {
		if got, err := root.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		errno  syscall.Errno
		kind   outcome.Kind
		reason string
	}{
		{syscall.ENOSPC, outcome.Retry, "full"},
		{syscall.EDQUOT, outcome.Retry, "full"},
		{syscall.EIO, outcome.Retry, "io"},
		{syscall.ESTALE, outcome.Retry, "io"},
		{syscall.EACCES, outcome.Misconfigured, "permission"},
		{syscall.EROFS, outcome.Misconfigured, "permission"},
		{syscall.ENOTDIR, outcome.Misconfigured, "no_folder"},
		{syscall.EINVAL, outcome.Misconfigured, "bad_name"},
		{syscall.ENAMETOOLONG, outcome.Rejected, "name_too_long"},
	} {
		err := classify(errors.Join(&fs.PathError{Op: "write", Path: "in/INV-1.xml", Err: c.errno}, nil))
		var e *outcome.Error
		if !errors.As(err, &e) || e.Outcome.Kind != c.kind || e.Outcome.Reason != c.reason || strings.Contains(e.Error(), "INV") {
			t.Errorf("%s: %v", c.errno, err)
		}
	}
}

package dirtarget_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// fillUp mounts a tiny file system and leaves no room on it.
func fillUp(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("mounting a small file system is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(path, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "ballast"), make([]byte, 32<<10), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the small file system is not full: %v", err)
	}
}

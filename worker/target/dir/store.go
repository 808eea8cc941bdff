package dirtarget

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// store is the directory during one attempt. os.Root keeps names and symbolic links within it.
type store struct{ root *os.Root }

var _ files.Store = (*store)(nil)

// Close implements files.Store.
func (s *store) Close() { _ = s.root.Close() } // read-only

// Look implements files.Store.
func (s *store) Look(ctx context.Context, name string, hash bool) (files.Info, error) {
	stat, err := s.root.Stat(local(name))
	if err != nil {
		return files.Info{}, classify(err)
	}
	if !stat.Mode().IsRegular() {
		return files.Info{}, outcome.Errorf(outcome.Misconfigured, "not_a_file", "the name is that of a folder or device")
	}
	info := files.Info{Name: name, Size: stat.Size(), Modified: stat.ModTime().UTC()}
	if hash && info.Size <= files.MaxHash {
		info.SHA256, err = s.hash(ctx, name)
	}
	return info, err
}

func (s *store) hash(ctx context.Context, name string) (string, error) {
	f, err := s.root.Open(local(name))
	if err != nil {
		return "", classify(err)
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.Close() }) // ends the copy
	defer stop()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, files.MaxHash)); err != nil {
		return "", classify(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Stage implements files.Store: a hidden file beside the one to be, on disk when it returns.
func (s *store) Stage(_ context.Context, c files.Content) (files.Staged, error) {
	temp := path.Join(path.Dir(local(c.Name)), ".relay-"+rand.Text()+".part")
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
	if err != nil {
		return nil, noFolder(err)
	}
	_, err = io.Copy(f, c)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = s.root.Remove(temp)
		return nil, classify(err)
	}
	return &staged{root: s.root, temp: temp}, nil
}

// staged is a hidden file.
type staged struct {
	root *os.Root
	temp string
}

// Commit implements files.Staged. A hard link, unlike rename, never replaces what has the name; file systems without
// links are looked at first.
func (s *staged) Commit(_ context.Context, name string) error {
	name = local(name)
	err := s.root.Link(s.temp, name)
	switch {
	case err == nil:
		_ = s.root.Remove(s.temp) // a second name of the same file: hidden, and harmless
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EMLINK):
		err = s.rename(name)
	}
	if err != nil {
		return classify(err)
	}
	if err := s.sync(path.Dir(name)); err != nil {
		return outcome.Errorf(outcome.Uncertain, "io", "the folder could not be written to disk")
	}
	return nil
}

func (s *staged) rename(name string) error {
	if _, err := s.root.Lstat(name); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.root.Rename(s.temp, name)
}

func (s *staged) sync(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Discard implements files.Staged.
func (s *staged) Discard(context.Context) { _ = s.root.Remove(s.temp) } // nobody takes it for a document

// local is a name below the directory; a leading slash means the directory itself.
func local(name string) string { return strings.TrimPrefix(name, "/") }

// noFolder is classify for a file to be made: what does not exist is its folder.
func noFolder(err error) error {
	if err = classify(err); errors.Is(err, fs.ErrNotExist) {
		return outcome.Errorf(outcome.Misconfigured, "no_folder", "there is no such folder")
	}
	return err
}

// classify names an error of the file system. Its own text holds the file's name, which is made of invoice values.
func classify(err error) error {
	var known *outcome.Error
	retry := func(reason, what string) error { return outcome.Errorf(outcome.Retry, reason, "%s", what) }
	wrong := func(reason, what string) error { return outcome.Errorf(outcome.Misconfigured, reason, "%s", what) }
	var errno syscall.Errno
	switch {
	case errors.As(err, &known), errors.Is(err, fs.ErrExist):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fs.ErrNotExist
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return wrong("permission", "no permission")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return retry("full", "no room for the document")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return outcome.Errorf(outcome.Rejected, "name_too_long", "the file name is too long")
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return wrong("no_folder", "the path is not a folder's")
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EILSEQ):
		return wrong("bad_name", "the file system does not take the file name")
	case errors.As(err, &errno):
		return retry("io", errno.Error())
	case errors.Is(err, fs.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return retry("canceled", "interrupted")
	case strings.Contains(err.Error(), "escapes from parent"): // of os.Root, whose error has no type
		return wrong("outside", "the path leads out of the directory")
	}
	return retry("io", "input or output failed")
}

package sftptarget

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

	"github.com/pkg/sftp"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// store is the server during one attempt, over one connection.
type store struct {
	pool    *pool
	conn    *conn
	release func() bool
	broken  bool // an answer did not come
}

var _ files.Store = (*store)(nil)

// Close implements files.Store: the connection is kept if all it was asked was answered.
func (s *store) Close() {
	if s.release() && !s.broken {
		s.pool.put(s.conn)
		return
	}
	s.conn.close()
}

// note names an error, and remembers a connection that broke.
func (s *store) note(err error) error {
	if !answered(err) {
		s.broken = true
	}
	return classify(err)
}

// Look implements files.Store.
func (s *store) Look(_ context.Context, name string, hash bool) (files.Info, error) {
	stat, err := s.conn.sftp.Stat(name)
	if err != nil {
		return files.Info{}, s.note(err)
	}
	if stat.IsDir() {
		return files.Info{}, outcome.Errorf(outcome.Misconfigured, "not_a_file", "the name is that of a folder")
	}
	info := files.Info{Name: name, Size: stat.Size(), Modified: stat.ModTime().UTC()}
	if hash && info.Size <= files.MaxHash {
		info.SHA256, err = s.hash(name)
	}
	return info, err
}

func (s *store) hash(name string) (string, error) {
	f, err := s.conn.sftp.Open(name)
	if err != nil {
		return "", s.note(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := f.WriteTo(&limited{h, files.MaxHash}); err != nil {
		return "", s.note(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// limited refuses to write more than left bytes: a file may grow while it is read.
type limited struct {
	io.Writer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, outcome.Errorf(outcome.Retry, "growing", "the file there is still growing")
	}
	return l.Writer.Write(p)
}

// Stage implements files.Store: a hidden file beside the one to be, whose size the server has confirmed.
func (s *store) Stage(_ context.Context, c files.Content) (files.Staged, error) {
	u := &upload{store: s, temp: path.Join(path.Dir(c.Name), ".relay-"+rand.Text()+".part")}
	f, err := s.conn.sftp.OpenFile(u.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		if err = s.note(err); errors.Is(err, fs.ErrNotExist) {
			err = outcome.Errorf(outcome.Misconfigured, "no_folder", "there is no such folder on the server")
		}
		return nil, err
	}
	source := &reader{Reader: c}
	written, err := f.ReadFromWithConcurrency(source, inFlight)
	if err == nil {
		err = s.flush(f)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		if source.err == nil { // else it is the file's fault, and the connection is whole
			err = s.note(err)
		}
		return u, err
	}
	stat, err := s.conn.sftp.Stat(u.temp)
	if err != nil {
		return u, s.note(err)
	}
	if stat.Size() != written {
		return u, outcome.Errorf(outcome.Retry, "size", "the server has %d of %d bytes", stat.Size(), written)
	}
	return u, nil
}

// reader remembers an error of the source, to tell it from one of the connection.
type reader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// flush asks the server to write the file to disk, where it offers that.
func (s *store) flush(f *sftp.File) error {
	if _, ok := s.conn.sftp.HasExtension("fsync@openssh.com"); !ok {
		return nil
	}
	return f.Sync()
}

// upload is a hidden file on the server.
type upload struct {
	store *store
	temp  string
}

// Commit implements files.Staged. The protocol's own rename refuses a name that is taken (draft-ietf-secsh-filexfer-02,
// 6.5), posix-rename would replace it: it is for servers that refuse the other although the name is free.
func (u *upload) Commit(_ context.Context, name string) error {
	client := u.store.conn.sftp
	if _, err := client.Lstat(name); err == nil { // some servers replace all the same
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return u.store.note(err)
	}
	err := client.Rename(u.temp, name)
	if err == nil {
		return nil
	}
	if !answered(err) {
		return u.uncertain(err)
	}
	if _, looked := client.Lstat(name); looked == nil {
		return fs.ErrExist
	}
	if _, ok := client.HasExtension("posix-rename@openssh.com"); ok {
		if err = client.PosixRename(u.temp, name); !answered(err) {
			return u.uncertain(err)
		}
	}
	if err = u.store.note(err); errors.Is(err, fs.ErrNotExist) {
		return outcome.Errorf(outcome.Retry, "vanished", "the server lost the file before it was renamed")
	}
	return err
}

// uncertain is a rename without an answer.
func (u *upload) uncertain(err error) error {
	var known *outcome.Error
	err = u.store.note(err)
	if errors.As(err, &known) {
		known.Outcome.Kind = outcome.Uncertain
	}
	return err
}

// Discard implements files.Staged. On a connection that broke the hidden file stays behind.
func (u *upload) Discard(context.Context) {
	if !u.store.broken {
		_ = u.store.note(u.store.conn.sftp.Remove(u.temp))
	}
}

package sftptarget

import (
	"errors"
	"io/fs"

	"github.com/pkg/sftp"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// The status codes beyond those of version 3 that servers give for a full disk (draft-ietf-secsh-filexfer-13, 9.1).
const (
	noSpace = 14
	quota   = 15
)

// answered reports whether the server answered, be it with a refusal: the connection is fit for more.
func answered(err error) bool {
	var status *sftp.StatusError
	return err == nil || errors.As(err, &status) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
}

// classify names an error. The server's own text may hold the file's name.
func classify(err error) error {
	var status *sftp.StatusError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fs.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return outcome.Errorf(outcome.Misconfigured, "permission", "the server gives no permission")
	case errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, sftp.ErrSSHFxNoConnection): // the client's own
		return outcome.Errorf(outcome.Retry, "reset", "the connection was closed without an answer")
	case !errors.As(err, &status):
		return files.NetworkError(err)
	}
	switch status.Code {
	case noSpace, quota:
		return outcome.Errorf(outcome.Retry, "full", "no room for the document")
	case uint32(sftp.ErrSSHFxOpUnsupported):
		return outcome.Errorf(outcome.Misconfigured, "not_supported", "the server does not support what is needed")
	case uint32(sftp.ErrSSHFxNoConnection), uint32(sftp.ErrSSHFxConnectionLost):
		return outcome.Errorf(outcome.Retry, "reset", "the server lost the connection to its store")
	}
	return outcome.Errorf(outcome.Retry, "sftp_failure", "the server refused with code %d, which may mean a full disk", status.Code)
}

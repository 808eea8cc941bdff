package files

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

// NetworkError names an error of a connection, in a word for metrics and in words for people; its own text may hold the
// file's name. It is a *outcome.Error: retry, or misconfigured for an address that is not allowed.
func NetworkError(err error) error {
	var known *outcome.Error
	var refused *netguard.Error
	var dns *net.DNSError
	var timeout net.Error
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	retry := func(reason, what string) error { return outcome.Errorf(outcome.Retry, reason, "%s", what) }
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused):
		return outcome.Errorf(outcome.Misconfigured, "ssrf", "%s", refused)
	case errors.As(err, &dns):
		return retry("dns", "the host name cannot be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return retry("refused", "connection refused")
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record):
		return retry("tls", "no TLS connection: the certificate or the protocol is not accepted")
	case errors.Is(err, context.Canceled):
		return retry("canceled", "interrupted")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return retry("timeout", "no answer in time")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return retry("reset", "the connection was closed without an answer")
	}
	return retry("network", "the connection failed")
}

package files_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

func TestNetworkError(t *testing.T) {
	for reason, err := range map[string]error{
		"ssrf":     &net.OpError{Op: "dial", Err: &netguard.Error{Addr: netip.MustParseAddr("169.254.169.254")}},
		"dns":      &net.OpError{Op: "dial", Err: &net.DNSError{Name: "sftp.invalid"}},
		"refused":  &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"reset":    &url.Error{Op: "Put", URL: "https://s3/INV-1.xml", Err: io.ErrUnexpectedEOF},
		"timeout":  fmt.Errorf("read: %w", os.ErrDeadlineExceeded),
		"canceled": fmt.Errorf("dial: %w", context.Canceled),
		"network":  errors.New("something about INV-1.xml"),
		"known":    fmt.Errorf("ssh: %w", outcome.Errorf(outcome.Misconfigured, "known", "said before")),
	} {
		var e *outcome.Error
		if got := files.NetworkError(err); !errors.As(got, &e) || e.Outcome.Reason != reason || strings.Contains(e.Error(), "INV") {
			t.Errorf("%s: %v", reason, got)
		}
		final := reason == "ssrf" || reason == "known"
		if (e.Outcome.Kind == outcome.Misconfigured) != final || !final && e.Outcome.Kind != outcome.Retry {
			t.Errorf("%s: %s", reason, e.Outcome.Kind)
		}
	}
}

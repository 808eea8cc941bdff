package rossumapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// URLOption loosens what [UnderBase] and [Envelope.CheckURLs] accept.
type URLOption func(*base)

// AllowHTTP accepts plain http for hosts other than loopback: for test set-ups
// where Rossum is a simulator on another host.
func AllowHTTP() URLOption { return func(b *base) { b.allowHTTP = true } }

// base is a Rossum host a token may travel to.
type base struct {
	scheme, host, port, path string
	allowHTTP                bool
}

// UnderBase tells whether a token given for the Rossum at base may be sent to
// target: same scheme, host and port, no user info, path below base's path,
// and https unless the host is loopback or [AllowHTTP] is given.
func UnderBase(baseURL, target string, options ...URLOption) bool {
	b, err := parseBase(baseURL, options...)
	return err == nil && b.check(target) == nil
}

// CheckURLs reports the first URL of the call that does not lie under its own
// base URL (see [UnderBase]), or a base URL that is none. Whether the base URL
// is the right one is for the caller to say.
func (e Envelope) CheckURLs(options ...URLOption) error {
	b, err := parseBase(e.BaseURL, options...)
	if err != nil {
		return fmt.Errorf("payload: base_url: %w", err)
	}
	for _, target := range e.urls {
		if target == "" {
			continue
		}
		if err := b.check(target); err != nil {
			return fmt.Errorf("payload: %w", err)
		}
	}
	return nil
}

func parseBase(text string, options ...URLOption) (base, error) {
	var b base
	for _, option := range options {
		option(&b)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return base{}, errors.New("not an absolute URL of scheme and host")
	}
	b.scheme, b.host, b.port = u.Scheme, strings.ToLower(u.Hostname()), effectivePort(u)
	b.path = strings.TrimSuffix(u.Path, "/")
	switch {
	case b.scheme == "https":
	case b.scheme == "http" && (b.allowHTTP || isLoopback(b.host)):
	default:
		return base{}, fmt.Errorf("%s://%s is not https", clip(b.scheme), clip(b.host))
	}
	return b, nil
}

// check explains why a token must not be sent to target. The message names
// hosts only: paths and queries may hold secrets.
func (b base) check(target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil || !u.IsAbs() || u.Opaque != "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("URL with user info")
	case u.Scheme != b.scheme || strings.ToLower(u.Hostname()) != b.host || effectivePort(u) != b.port:
		return fmt.Errorf("URL of %s://%s is not under %s://%s", clip(u.Scheme), clip(u.Host), b.scheme, b.host)
	case !strings.HasPrefix(u.Path, b.path+"/") && u.Path != b.path, strings.Contains(u.Path+"/", "/../"):
		return fmt.Errorf("URL of %s has a path outside of the base URL", b.host)
	}
	return nil
}

func effectivePort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

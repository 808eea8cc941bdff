package httptarget_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
)

func TestStatusOutcomes(t *testing.T) {
	for _, c := range []struct {
		status       int
		create, look outcome.Kind
	}{
		{200, outcome.OK, outcome.OK},
		{201, outcome.OK, outcome.OK},
		{202, outcome.OK, outcome.OK},
		{204, outcome.OK, outcome.OK},
		{300, outcome.Misconfigured, outcome.Misconfigured},
		{304, outcome.Misconfigured, outcome.Misconfigured},
		{400, outcome.Rejected, outcome.Rejected},
		{401, outcome.Reauth, outcome.Reauth},
		{403, outcome.Misconfigured, outcome.Misconfigured},
		{404, outcome.Misconfigured, outcome.Misconfigured},
		{405, outcome.Misconfigured, outcome.Misconfigured},
		{408, outcome.Uncertain, outcome.Retry},
		{409, outcome.Rejected, outcome.Rejected},
		{412, outcome.Rejected, outcome.Rejected},
		{413, outcome.Rejected, outcome.Rejected},
		{415, outcome.Misconfigured, outcome.Misconfigured},
		{418, outcome.Rejected, outcome.Rejected},
		{422, outcome.Rejected, outcome.Rejected},
		{423, outcome.Retry, outcome.Retry},
		{429, outcome.Throttled, outcome.Throttled},
		{500, outcome.Uncertain, outcome.Retry},
		{501, outcome.Misconfigured, outcome.Misconfigured},
		{502, outcome.Uncertain, outcome.Retry},
		{503, outcome.Retry, outcome.Retry},
		{504, outcome.Uncertain, outcome.Retry},
		{520, outcome.Uncertain, outcome.Retry},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			erp := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				if c.status != 204 && c.status != 304 {
					fmt.Fprint(w, `{"message":"M8 535","access_token":"abc"}`)
				}
			})
			tgt := open(t, erp.URL, configs.HTTPTarget{})
			reason := fmt.Sprintf("http_%d", c.status)
			resp, out := tgt.Do(t.Context(), create())
			wantOutcome(t, out, c.create, reason)
			if resp == nil || resp.Status != c.status || out.Status != c.status {
				t.Errorf("response %+v, outcome %+v", resp, out)
			}
			if c.status >= 400 && out.Excerpt != `{"message":"M8 535","access_token":"[redacted]"}` {
				t.Errorf("excerpt %s", out.Excerpt)
			}
			_, out = tgt.Do(t.Context(), lookUp())
			wantOutcome(t, out, c.look, reason)
		})
	}
}

func TestOddStatusIsBounded(t *testing.T) {
	erp := serveWire(t, func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
		s.read(r)
		say(c, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")
	})
	_, out := open(t, erp.URL, configs.HTTPTarget{}).Do(t.Context(), create())
	wantOutcome(t, out, outcome.Uncertain, "http_other")
}

// TestFailures says for each way a connection can fail what a create and a look-up come to.
func TestFailures(t *testing.T) {
	answer := func(text string) func(*wireServer, int, net.Conn, *bufio.Reader) {
		return func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
			if s.read(r) {
				say(c, text)
			}
		}
	}
	for name, f := range map[string]struct {
		script       func(*wireServer, int, net.Conn, *bufio.Reader)
		create, look outcome.Kind
		reason       string
	}{
		"closed after the request": {answer(""), outcome.Uncertain, outcome.Retry, "reset"},
		"reset after the request": {func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
			s.read(r)
			reset(c)
		}, outcome.Uncertain, outcome.Retry, "reset"},
		"reset in the header":      {answer("HTTP/1.1 201 Crea"), outcome.Uncertain, outcome.Retry, "reset"},
		"not HTTP":                 {answer("220 smtp.example ESMTP\r\n\r\n"), outcome.Uncertain, outcome.Retry, "protocol"},
		"success cut":              {answer("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":"), outcome.Uncertain, outcome.Retry, "body_cut"},
		"success cut in chunks":    {answer("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), outcome.Uncertain, outcome.Retry, "body_cut"},
		"success too large":        {answer("HTTP/1.1 201 Created\r\nContent-Length: 65\r\n\r\n" + strings.Repeat("x", 65)), outcome.Uncertain, outcome.Misconfigured, "body_too_large"},
		"success at the limit":     {answer("HTTP/1.1 201 Created\r\nContent-Length: 64\r\n\r\n" + strings.Repeat("x", 64)), outcome.OK, outcome.OK, "http_201"},
		"refusal cut":              {answer("HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\n{\"e\":"), outcome.Rejected, outcome.Rejected, "http_422"},
		"redirect without address": {answer("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), outcome.Misconfigured, outcome.Misconfigured, "http_302"},
	} {
		t.Run(name, func(t *testing.T) {
			erp := serveWire(t, f.script)
			tgt := open(t, erp.URL, configs.HTTPTarget{MaxResponse: 64})
			resp, out := tgt.Do(t.Context(), create())
			wantOutcome(t, out, f.create, f.reason)
			if got := erp.Requests.Load(); got != 1 {
				t.Errorf("the server read %d requests", got)
			}
			cut := f.reason == "body_cut" || f.reason == "body_too_large" || name == "refusal cut"
			if (resp != nil && resp.Partial) != cut {
				t.Errorf("response %+v", resp)
			}
			_, out = tgt.Do(t.Context(), lookUp())
			wantOutcome(t, out, f.look, f.reason)
		})
	}
}

func TestTimeouts(t *testing.T) {
	silent := func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
		s.read(r)
		_, _ = r.ReadByte() // until the client gives up
	}
	half := func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
		s.read(r)
		say(c, "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nab")
		_, _ = r.ReadByte()
	}
	for name, c := range map[string]struct {
		script func(*wireServer, int, net.Conn, *bufio.Reader)
		reason string
	}{
		"no answer":   {silent, "timeout"},
		"half a body": {half, "body_cut"},
	} {
		t.Run(name, func(t *testing.T) {
			tgt := open(t, serveWire(t, c.script).URL, configs.HTTPTarget{})
			req := create()
			req.Timeout = 50 * time.Millisecond
			_, out := tgt.Do(t.Context(), req)
			wantOutcome(t, out, outcome.Uncertain, c.reason)
			req = lookUp()
			req.Timeout = 50 * time.Millisecond
			_, out = tgt.Do(t.Context(), req)
			wantOutcome(t, out, outcome.Retry, c.reason)
		})
	}
}

// TestCanceled: a worker that drains interrupts its attempts; what was sent is uncertain.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	erp := serveWire(t, func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) {
		s.read(r)
		cancel()
		_, _ = r.ReadByte()
	})
	tgt := open(t, erp.URL, configs.HTTPTarget{})
	_, out := tgt.Do(ctx, create())
	wantOutcome(t, out, outcome.Uncertain, "canceled")
	_, out = tgt.Do(ctx, create()) // before anything is sent
	wantOutcome(t, out, outcome.Retry, "canceled")
}

// TestNothingSent: what fails before the first byte is worth repeating, whatever the request.
func TestNothingSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	untrusted := serveTLS(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	for name, c := range map[string]struct {
		url, reason string
	}{
		"refused":               {"http://" + l.Addr().String(), "refused"},
		"unknown host":          {"http://erp.invalid", "dns"},
		"TLS to a plain server": {"https://" + strings.TrimPrefix(plain.URL, "http://"), "tls"},
		"unknown certificate":   {untrusted.URL, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, out := open(t, c.url, configs.HTTPTarget{}).Do(t.Context(), create())
			wantOutcome(t, out, outcome.Retry, c.reason)
			if resp != nil {
				t.Errorf("response %+v", resp)
			}
		})
	}
}

func TestAddressGuard(t *testing.T) {
	erp := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	for name, base := range map[string]string{
		"loopback":      erp.URL,
		"loopback name": strings.Replace(erp.URL, "127.0.0.1", "localhost", 1),
		"metadata":      "http://169.254.169.254",
		"mapped":        "http://[::ffff:169.254.169.254]",
	} {
		t.Run(name, func(t *testing.T) {
			tgt, err := httptarget.New("erp", configs.HTTPTarget{}, httptarget.Options{BaseURL: base})
			if err != nil {
				t.Fatal(err)
			}
			defer tgt.Close()
			_, out := tgt.Do(t.Context(), create())
			wantOutcome(t, out, outcome.Misconfigured, "ssrf")
		})
	}
	_, out := open(t, "http://169.254.169.254", configs.HTTPTarget{}).Do(t.Context(), create())
	wantOutcome(t, out, outcome.Misconfigured, "ssrf") // private: true or not
}

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		want  func(time.Duration) bool
	}{
		"seconds":  {"7", func(d time.Duration) bool { return d == 7*time.Second }},
		"date":     {time.Now().Add(5 * time.Minute).UTC().Format(http.TimeFormat), func(d time.Duration) bool { return d > 0 && d <= 5*time.Minute }},
		"past":     {"Wed, 21 Oct 2015 07:28:00 GMT", func(d time.Duration) bool { return d == 0 }},
		"too long": {"86400", func(d time.Duration) bool { return d == 30*time.Minute }},
		"absurd":   {"99999999999999999999999", func(d time.Duration) bool { return d == 30*time.Minute }},
		"negative": {"-5", func(d time.Duration) bool { return d == 0 }},
		"words":    {"soon", func(d time.Duration) bool { return d == 0 }},
		"none":     {"", func(d time.Duration) bool { return d == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{429, 503} {
				erp := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", c.value)
					w.WriteHeader(status)
				})
				tgt := open(t, erp.URL, configs.HTTPTarget{}, func(o *httptarget.Options) { o.MaxRetryAfter = 30 * time.Minute })
				if _, out := tgt.Do(t.Context(), create()); !c.want(out.After) {
					t.Errorf("%d: after %s", status, out.After)
				}
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		erp := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		tgt := open(t, erp.URL, configs.HTTPTarget{Bearer: configs.NewSecret("top-secret")})
		for _, req := range []*target.Request{create(), lookUp()} {
			resp, out := tgt.Do(t.Context(), req)
			wantOutcome(t, out, outcome.Misconfigured, fmt.Sprintf("http_%d", status))
			if resp == nil || resp.Header.Get("Location") == "" || !strings.Contains(out.Message, "redirect") {
				t.Errorf("response %+v, message %q", resp, out.Message)
			}
		}
	}
}

// TestMessagesHoldNoSecrets looks at every text an outcome has.
func TestMessagesHoldNoSecrets(t *testing.T) {
	const secret = "s3cr3t-value"
	servers := map[string]string{
		"echo": serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(422)
			fmt.Fprintf(w, "you sent %s with %v", r.URL, r.Header)
		}).URL,
		"closed": serveWire(t, func(s *wireServer, _ int, c net.Conn, r *bufio.Reader) { s.read(r) }).URL,
		"dns":    "http://erp.invalid",
	}
	for name, base := range servers {
		for kind, cfg := range map[string]configs.HTTPTarget{
			"basic":  {Basic: &configs.BasicAuth{Username: "u", Password: configs.NewSecret(secret)}},
			"bearer": {Bearer: configs.NewSecret(secret)},
			"header": {APIKey: &configs.APIKeyAuth{Header: "X-Key", Value: configs.NewSecret(secret)}},
			"query":  {APIKey: &configs.APIKeyAuth{Query: "k", Value: configs.NewSecret(secret)}},
		} {
			req := create()
			req.Query = map[string][]string{"invoice": {"INV-77"}}
			_, out := open(t, base, cfg).Do(t.Context(), req)
			if text := fmt.Sprintf("%+v", out); strings.Contains(text, secret) || strings.Contains(out.Message, "INV-77") {
				t.Errorf("%s, %s: %s", name, kind, text)
			}
		}
	}
}

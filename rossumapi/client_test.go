package rossumapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a transport that answers from a list, the last entry for ever.
type script struct {
	replies []scripted
	sent    []*http.Request
	bodies  []string
	at      []time.Duration
	start   time.Time
}

type scripted struct {
	status int // 0 = a reset before anything is written
	header map[string]string
	body   string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.start.IsZero() {
		s.start = time.Now()
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.sent, s.bodies, s.at = append(s.sent, r), append(s.bodies, string(body)), append(s.at, time.Since(s.start))
	given := s.replies[min(len(s.sent), len(s.replies))-1]
	if given.status == 0 {
		return nil, errors.New("connection refused")
	}
	response := &http.Response{StatusCode: given.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(given.body)), Request: r}
	for key, value := range given.header {
		response.Header.Set(key, value)
	}
	return response, nil
}

// tokens is a source that counts refreshes.
type tokens struct{ refreshed int }

func (s *tokens) Token(context.Context) (string, error) {
	return "token-" + strconv.Itoa(s.refreshed), nil
}

func (s *tokens) Refresh(_ context.Context, rejected string) (string, error) {
	s.refreshed++
	if rejected != "token-"+strconv.Itoa(s.refreshed-1) {
		return "", errors.New("refreshed what was not rejected")
	}
	return "token-" + strconv.Itoa(s.refreshed), nil
}

// inBubble runs a test of waits on a fake clock.
func inBubble(t *testing.T, replies []scripted, options Options, test func(t *testing.T, c *Client, s *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: replies}
		options.BaseURL, options.Transport = "https://acme.rossum.app", s
		c, err := New(options)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		test(t, c, s)
	})
}

func TestRetryAfterIsObeyedInFull(t *testing.T) {
	replies := []scripted{{status: 429, header: map[string]string{"Retry-After": "10"}}, {status: 429, header: map[string]string{"Retry-After": "15"}},
		{status: 200, body: `{"id":1}`}}
	inBubble(t, replies, Options{}, func(t *testing.T, c *Client, s *script) {
		if _, err := c.PatchAnnotation(t.Context(), 1, map[string]any{"time_spent": 1}); err != nil {
			t.Fatal(err)
		}
		if len(s.at) != 3 || s.at[1] < 10*time.Second || s.at[2]-s.at[1] < 15*time.Second || s.at[2] > 28*time.Second {
			t.Errorf("sent at %v", s.at)
		}
		if s.bodies[2] != `{"time_spent":1}` {
			t.Errorf("body of the last attempt %q", s.bodies[2])
		}
	})
}

func TestRetryAfterBeyondTheCapIsReturned(t *testing.T) {
	replies := []scripted{{status: 429, header: map[string]string{"Retry-After": "120"}}}
	inBubble(t, replies, Options{}, func(t *testing.T, c *Client, s *script) {
		_, err := c.Annotation(t.Context(), 1)
		var api *APIError
		if !IsThrottled(err) || !errors.As(err, &api) || api.RetryAfter != 2*time.Minute || len(s.sent) != 1 || s.at[0] != 0 {
			t.Errorf("%v after %d requests", err, len(s.sent))
		}
	})
}

func TestRepeatedOrNot(t *testing.T) {
	get := func(ctx context.Context, c *Client) error { _, err := c.Annotation(ctx, 1); return err }
	patch := func(ctx context.Context, c *Client) error { _, err := c.SetStatus(ctx, 1, "to_review"); return err }
	export := func(ctx context.Context, c *Client) error { _, err := c.SetStatus(ctx, 1, StatusExporting); return err }
	create := func(ctx context.Context, c *Client) error { _, err := c.CreateNote(ctx, "x", "y"); return err }
	labels := func(ctx context.Context, c *Client) error {
		return c.ApplyLabels(ctx, []string{"a"}, []string{"b"}, nil)
	}
	operations := func(o Operation) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) error {
			_, err := c.ApplyOperations(ctx, 1, []Operation{o})
			return err
		}
	}
	for _, c := range []struct {
		name   string
		call   func(context.Context, *Client) error
		status int
		want   int
	}{
		{"GET 503", get, 503, 4}, {"GET 500", get, 500, 4}, {"GET reset", get, 0, 4}, {"GET 404", get, 404, 1}, {"GET 302", get, 302, 1},
		{"PATCH 502", patch, 502, 4}, {"PATCH 409", patch, 409, 1},
		{"PATCH exporting 502", export, 502, 1}, {"PATCH exporting not sent", export, 0, 4},
		{"POST 503", create, 503, 1}, {"POST 500", create, 500, 1}, {"POST not sent", create, 0, 4},
		{"labels are a set", labels, 503, 4},
		{"replace", operations(Replace(1, "x")), 503, 4}, {"add", operations(Add(1)), 503, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, []scripted{{status: c.status}}, Options{}, func(t *testing.T, client *Client, s *script) {
				if err := c.call(t.Context(), client); err == nil {
					t.Error("no error")
				}
				if len(s.sent) != c.want {
					t.Errorf("%d requests, want %d", len(s.sent), c.want)
				}
			})
		})
	}
}

func TestRefreshTwiceAtMostOn401(t *testing.T) {
	source := &tokens{}
	for tokens, refused := range map[string][]scripted{
		"Bearer token-0, Bearer token-1":                 {{status: 401}},
		"Bearer token-1, Bearer token-2, Bearer token-3": {{status: 401}, {status: 401}},
	} {
		inBubble(t, append(refused, scripted{status: 200, body: `{"id":1}`}), Options{Token: source}, func(t *testing.T, c *Client, s *script) {
			source.refreshed = int(tokens[len("Bearer token-")] - '0')
			if _, err := c.CreateNote(t.Context(), "x", "y"); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range s.sent {
				got = append(got, r.Header.Get("Authorization"))
			}
			if strings.Join(got, ", ") != tokens {
				t.Error(got)
			}
		})
	}
	inBubble(t, []scripted{{status: 401, body: `{"detail":"Invalid token.","code":"authentication_failed"}`}}, Options{Token: source},
		func(t *testing.T, c *Client, s *script) {
			_, err := c.Annotation(t.Context(), 1)
			if !IsUnauthorized(err) || len(s.sent) != 3 {
				t.Errorf("%v after %d requests", err, len(s.sent))
			}
		})
	inBubble(t, []scripted{{status: 401}}, Options{Token: StaticToken("hook-token")}, func(t *testing.T, c *Client, s *script) {
		_, err := c.Annotation(t.Context(), 1)
		if !IsUnauthorized(err) || !errors.Is(err, ErrTokenRejected) || len(s.sent) != 1 || strings.Contains(err.Error(), "hook-token") {
			t.Errorf("%v after %d requests", err, len(s.sent))
		}
	})
}

func TestCancelEndsTheWait(t *testing.T) {
	inBubble(t, []scripted{{status: 429, header: map[string]string{"Retry-After": "20"}}}, Options{}, func(t *testing.T, c *Client, s *script) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := c.Annotation(ctx, 1); !IsThrottled(err) || len(s.sent) != 1 {
			t.Errorf("%v", err)
		}
	})
}

func TestTokenStaysAtItsHost(t *testing.T) {
	inBubble(t, []scripted{{status: 200}}, Options{Token: StaticToken("t")}, func(t *testing.T, c *Client, s *script) {
		for _, target := range []string{"https://evil.example/api/v1/queues/1", "http://acme.rossum.app/api", "https://acme.rossum.app@evil.example/", "/api"} {
			if err := c.Get(t.Context(), target, nil); err == nil {
				t.Errorf("called %s", target)
			}
			if _, err := c.Download(t.Context(), target); err == nil {
				t.Errorf("downloaded %s", target)
			}
		}
		if len(s.sent) != 0 {
			t.Errorf("%d requests", len(s.sent))
		}
	})
	foreign := scripted{status: 200, body: `{"pagination":{"next":"https://evil.example/x"},"results":[{"id":1}]}`}
	inBubble(t, []scripted{foreign}, Options{Token: StaticToken("t")}, func(t *testing.T, c *Client, s *script) {
		var last error
		for _, err := range c.Queues(t.Context(), nil) {
			last = err
		}
		if last == nil || len(s.sent) != 1 {
			t.Errorf("followed a foreign next: %v", last)
		}
	})
}

func TestListThatDoesNotAdvance(t *testing.T) {
	next := "https://acme.rossum.app/api/v1/queues?page_size=100"
	inBubble(t, []scripted{{status: 200, body: `{"pagination":{"next":"` + next + `"},"results":[{"id":1}]}`}}, Options{}, func(t *testing.T, c *Client, s *script) {
		var last error
		for _, err := range c.Queues(t.Context(), nil) {
			last = err
		}
		if last == nil || len(s.sent) != 1 {
			t.Errorf("%v after %d requests", last, len(s.sent))
		}
	})
}

func TestAPIErrors(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, text string
		code       string
	}{
		{409, `{"detail":"Document is being annotated by other user.","code":"conflict_user"}`,
			`rossum: GET /api/v1/annotations/1: 409 Conflict, conflict_user: Document is being annotated by other user.`, ConflictUser},
		{409, `{"detail":"Document is being annotated by other user."}`, `other user`, ConflictUser},
		{409, `{"detail":"Document is not being annotated"}`, `not being annotated`, ConflictNotAnnotated},
		{409, `{"detail":"Assignment is allowed only for documents in states: to_review"}`, `in states`, ConflictStatus},
		{409, `{}`, `409 Conflict`, ""},
		{400, `{"name":["This field is required."],"events":["a","b"]}`, `400 Bad Request: events (a b), name (This field is required.)`, ""},
		{400, `not JSON`, `400 Bad Request`, ""},
		{404, `{"detail":"Not found."}`, `404 Not Found: Not found.`, ""},
		{302, ``, `302 Found`, ""},
	} {
		inBubble(t, []scripted{{status: c.status, body: c.body}}, Options{}, func(t *testing.T, client *Client, _ *script) {
			err := client.Get(t.Context(), client.URL("annotations/1?secret=1"), nil)
			if err == nil || !strings.Contains(err.Error(), c.text) || ConflictCode(err) != c.code || StatusOf(err) != c.status {
				t.Errorf("%v, code %q", err, ConflictCode(err))
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("query in %v", err)
			}
		})
	}
}

func TestTransportErrorHasNoQuery(t *testing.T) {
	inBubble(t, []scripted{{}}, Options{Retries: -1}, func(t *testing.T, c *Client, _ *script) {
		err := c.Get(t.Context(), c.URL("annotations?search=secret"), nil)
		var transport *TransportError
		if !errors.As(err, &transport) || transport.Written || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	})
}

// serve starts a real server and a client for it.
func serve(t *testing.T, handler http.HandlerFunc, options Options) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	options.BaseURL = server.URL
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPostIsSentOnceWhenTheConnectionBreaks(t *testing.T) {
	var applied atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			applied.Add(1)
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{}`)
	}, Options{})
	for range 3 { // a warm connection is what makes net/http repeat
		if err := c.Get(t.Context(), c.URL("queues/1"), nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.CreateNote(t.Context(), "x", "y")
	var transport *TransportError
	if !errors.As(err, &transport) || !transport.Written || applied.Load() != 1 {
		t.Errorf("%v, applied %d times", err, applied.Load())
	}
}

func TestRedirectIsNotFollowedWithTheToken(t *testing.T) {
	var followed atomic.Bool
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Store(true)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}, Options{Token: StaticToken("t")})
	if err := c.Get(t.Context(), c.URL("queues/1"), nil); StatusOf(err) != http.StatusFound || followed.Load() {
		t.Errorf("%v", err)
	}
}

func TestCookiesAreNotKept(t *testing.T) {
	var cookies atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "sessionid", Value: "x"})
		_, _ = io.WriteString(w, `{}`)
	}, Options{})
	for range 2 {
		if err := c.Get(t.Context(), c.URL("queues/1"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if cookies.Load() != 0 {
		t.Error("a cookie came back")
	}
}

func TestResponseLimit(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write(bytes.Repeat([]byte(" "), 5000))
	}, Options{MaxResponse: 4096})
	err := c.Get(t.Context(), c.URL("queues/1"), nil)
	if err == nil || !strings.Contains(err.Error(), "too large") || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestDownloadFollowsRedirectsWithoutTheToken(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/documents/1/content":
			http.Redirect(w, r, "/storage?signature=x", http.StatusFound)
		case "/storage":
			if r.Header.Get("Authorization") != "" {
				t.Error("token sent to storage")
			}
			w.Header().Set("Content-Disposition", `attachment; filename="a b.pdf"`)
			_, _ = io.WriteString(w, "bytes")
		case "/api/v1/documents/2/content":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "/api/v1/documents/3/content":
			http.Redirect(w, r, "http://storage.example/x", http.StatusFound)
		case "/api/v1/documents/4/content":
			http.Redirect(w, r, "https://127.0.0.1:1/metadata", http.StatusFound)
		case "/api/v1/documents/5/content":
			http.Redirect(w, r, "https://[::ffff:169.254.169.254]/latest", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}, Options{Token: StaticToken("t")})
	file, err := c.Download(t.Context(), c.URL("documents/1/content"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file.Body)
	file.Body.Close()
	if string(got) != "bytes" || err != nil || file.Name != "a b.pdf" || file.Size != 5 {
		t.Errorf("%q %v %+v", got, err, file)
	}
	for id, want := range map[string]string{"2": "storage answered 302", "3": "location is not https", "4": "address is not public",
		"5": "address is not public", "6": "404"} {
		_, err := c.Download(t.Context(), c.URL("documents/"+id+"/content"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "signature") {
			t.Errorf("document %s: %v, want %q", id, err, want)
		}
	}
}

func TestLimiterIsAskedBeforeEachAttempt(t *testing.T) {
	limiter := &countingLimiter{}
	inBubble(t, []scripted{{status: 503}, {status: 200, body: `{}`}}, Options{Limiter: limiter}, func(t *testing.T, c *Client, s *script) {
		if _, err := c.Queue(t.Context(), 1); err != nil || limiter.asked != 2 || len(s.sent) != 2 {
			t.Errorf("%v, asked %d times", err, limiter.asked)
		}
		limiter.refuse = errors.New("closed")
		if _, err := c.Queue(t.Context(), 1); !errors.Is(err, limiter.refuse) || len(s.sent) != 2 {
			t.Errorf("%v", err)
		}
	})
}

type countingLimiter struct {
	asked  int
	refuse error
}

func (l *countingLimiter) Wait(context.Context) error { l.asked++; return l.refuse }

func TestNewRefusesBadBaseURLs(t *testing.T) {
	for _, baseURL := range []string{"", "acme.rossum.app", "http://acme.rossum.app", "https://u:p@acme.rossum.app", "https://acme.rossum.app?x=1"} {
		if _, err := New(Options{BaseURL: baseURL}); err == nil || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", baseURL, err)
		}
	}
	for _, baseURL := range []string{"https://acme.rossum.app/", "https://acme.rossum.app/api/v1", "https://acme.rossum.app/api/v1/"} {
		c, err := New(Options{BaseURL: baseURL})
		if err != nil || c.URL("queues/1") != "https://acme.rossum.app/api/v1/queues/1" {
			t.Errorf("%q: %v", baseURL, err)
		}
	}
}

func TestUpdateSchemaReadsAgainOn412(t *testing.T) {
	schema, changed := scripted{status: 200, body: `{"id":7,"name":"AP"}`}, scripted{status: 412}
	rename := func(schema Schema) (map[string]any, error) { return map[string]any{"name": schema.Name + " 2"}, nil }
	inBubble(t, []scripted{schema, changed, schema, changed, schema, {status: 200, body: `{"id":7,"name":"AP 2"}`}}, Options{},
		func(t *testing.T, c *Client, s *script) {
			got, err := c.UpdateSchema(t.Context(), 7, rename)
			if err != nil || got.Name != "AP 2" || len(s.sent) != 6 || s.bodies[5] != `{"name":"AP 2"}` {
				t.Errorf("%q after %d requests, %v", got.Name, len(s.sent), err)
			}
		})
	inBubble(t, []scripted{schema, changed, schema, changed, schema, changed, schema, changed, schema, changed}, Options{},
		func(t *testing.T, c *Client, s *script) {
			if _, err := c.UpdateSchema(t.Context(), 7, rename); StatusOf(err) != http.StatusPreconditionFailed || len(s.sent) != 10 {
				t.Errorf("after %d requests: %v", len(s.sent), err)
			}
			refuse := errors.New("no")
			s.sent = nil
			if _, err := c.UpdateSchema(t.Context(), 7, func(Schema) (map[string]any, error) { return nil, refuse }); !errors.Is(err, refuse) || len(s.sent) != 1 {
				t.Errorf("%v", err)
			}
		})
}

func TestMetadataLimit(t *testing.T) {
	current := Object{{Key: "theirs", Value: []byte(`{"a":1}`)}, {Key: "old", Value: []byte(`1`)}}
	merged, err := mergeMetadata(current, map[string]any{"relay": map[string]any{"erp_id": "7"}, "old": nil})
	encoded, _ := encode(merged)
	if string(encoded) != `{"relay":{"erp_id":"7"},"theirs":{"a":1}}` || err != nil {
		t.Errorf("%s, %v", encoded, err)
	}
	if _, err := mergeMetadata(current, map[string]any{"relay": strings.Repeat("x", MaxMetadata)}); err == nil {
		t.Error("no error above 4 kB")
	}
}

func TestRetryAfterForms(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "-1": 0, "soon": 0, "99999999999": 7 * 24 * time.Hour} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
	if got := retryAfter(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)); got < 50*time.Minute || got > time.Hour {
		t.Errorf("date: %s", got)
	}
}

func TestPageSizeOfTheCallerWins(t *testing.T) {
	if got := pageSize(url.Values{"page_size": {"5"}}).Encode(); got != "page_size=5" {
		t.Error(got)
	}
}

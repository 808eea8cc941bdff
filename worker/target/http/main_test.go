package httptarget_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	httptarget "github.com/rossum-relay/rossum-relay/worker/target/http"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a target for a server on the loopback.
func open(t *testing.T, baseURL string, cfg configs.HTTPTarget, opts ...func(*httptarget.Options)) *httptarget.Target {
	t.Helper()
	cfg.Private = true
	o := httptarget.Options{BaseURL: baseURL, Timeout: 10 * time.Second}
	for _, set := range opts {
		set(&o)
	}
	tgt, err := httptarget.New("erp", cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tgt.Close)
	return tgt
}

// serve is an ERP made of a handler.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// wireServer hands every connection, with its number from 1, to a script that speaks bytes.
type wireServer struct {
	URL string
	// Requests counts the requests read by the scripts.
	Requests atomic.Int64
}

func serveWire(t *testing.T, script func(s *wireServer, n int, c net.Conn, r *bufio.Reader)) *wireServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &wireServer{URL: "http://" + l.Addr().String()}
	var wg sync.WaitGroup
	stopped, stop := context.WithCancel(t.Context())
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(stopped, func() { c.Close() })
			wg.Go(func() {
				defer c.Close()
				script(s, n, c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() { l.Close(); stop(); wg.Wait() })
	return s
}

// read takes one whole request off the wire and counts it.
func (s *wireServer) read(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.Requests.Add(1)
	return true
}

// reset closes a connection with RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func create() *target.Request {
	return &target.Request{Method: http.MethodPost, Path: "/api/invoices", Body: []byte(`{"number":"1"}`), ContentType: "application/json"}
}

func lookUp() *target.Request {
	return &target.Request{Method: http.MethodGet, Path: "/api/invoices", Safe: true}
}

func wantOutcome(t *testing.T, got outcome.Outcome, kind outcome.Kind, reason string) {
	t.Helper()
	if got.Kind != kind || got.Reason != reason {
		t.Errorf("got %s %s (%s), want %s %s", got.Kind, got.Reason, got.Message, kind, reason)
	}
}

// say writes to a connection; a client that is gone is no failure of the server.
func say(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

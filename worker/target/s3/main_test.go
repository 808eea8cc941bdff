package s3target_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	s3target "github.com/rossum-relay/rossum-relay/worker/target/s3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bucket    = "acme-invoices"
	accessKey = "AKIAACME"
	secretKey = "wJalrXUtnFEMI/K7MDENG"
)

// store is an S3 on the loopback, in memory.
type store struct {
	URL string
	// Fault is asked before every request; true means that it answered.
	Fault func(w http.ResponseWriter, r *http.Request, next http.Handler) bool

	backend  gofakes3.Backend
	mu       sync.Mutex
	requests []*http.Request
}

// serve starts a store; set changes it before.
func serve(t *testing.T, set ...func(*store)) *store {
	t.Helper()
	s := &store{backend: s3mem.New()}
	if err := s.backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		f(s)
	}
	fake := gofakes3.New(s.backend, gofakes3.WithoutVersioning()).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(context.WithoutCancel(r.Context())))
		s.mu.Unlock()
		switch {
		case !strings.Contains(r.Header.Get("Authorization"), "Credential="+accessKey+"/"):
			refuse(w, r, http.StatusForbidden, "InvalidAccessKeyId")
		case s.Fault != nil && s.Fault(w, r, fake):
		case isComplete(r) && s.taken(r): // which the fake does not check
			refuse(w, r, http.StatusPreconditionFailed, "PreconditionFailed")
		default:
			fake.ServeHTTP(w, r)
		}
	}))
	s.URL = server.URL
	t.Cleanup(server.Close)
	return s
}

// isComplete tells the request that makes an upload in parts visible.
func isComplete(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

// isCommit tells the requests that make something visible.
func isCommit(r *http.Request) bool {
	return isComplete(r) || r.Method == http.MethodPut && !r.URL.Query().Has("uploadId")
}

func (s *store) taken(r *http.Request) bool {
	_, err := s.backend.HeadObject(bucket, strings.TrimPrefix(r.URL.Path, "/"+bucket+"/"))
	return err == nil && r.Header.Get("If-None-Match") == "*"
}

// refuse answers as S3 does; a HEAD has no body.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>about in/a.xml</Message></Error>`)
	}
}

// Requests are those received, without their bodies.
func (s *store) Requests() (list []*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(list, s.requests...)
}

// Files are the objects of the bucket.
func (s *store) Files(t *testing.T) map[string]string {
	t.Helper()
	list, err := s.backend.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, c := range list.Contents {
		object, err := s.backend.GetObject(bucket, c.Key, nil)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(object.Contents)
		if err != nil {
			t.Fatal(err)
		}
		object.Contents.Close()
		files[c.Key] = string(content)
	}
	return files
}

// Put stores an object without the metadata of ours.
func (s *store) Put(t *testing.T, name, content string) {
	t.Helper()
	meta := map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)}
	if _, err := s.backend.PutObject(bucket, name, meta, bytes.NewReader([]byte(content)), int64(len(content)), nil); err != nil {
		t.Fatal(err)
	}
}

// open makes a target for the store; set changes its configuration.
func open(t *testing.T, s *store, set ...func(*configs.S3Target)) *s3target.Target {
	t.Helper()
	cfg := configs.S3Target{
		Endpoint: s.URL, Bucket: bucket, AccessKey: configs.NewSecret(accessKey), SecretKey: configs.NewSecret(secretKey),
		Collision: "same", Private: true,
	}
	for _, f := range set {
		f(&cfg)
	}
	tg, err := s3target.New("bucket", cfg, s3target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	return tg
}

func document() *target.Request {
	return &target.Request{Method: http.MethodPut, Path: "in/a.xml", Body: []byte("<a/>"), ContentType: "application/xml"}
}

func largeFile() target.File {
	return target.File{Part: "scan", Name: "x.pdf", ContentType: "application/pdf", Size: -1,
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Repeat("0123456789abcdef", 400<<10))), nil
		}}
}

func wantOutcome(t *testing.T, got outcome.Outcome, kind outcome.Kind, reason string) {
	t.Helper()
	if got.Kind != kind || got.Reason != reason {
		t.Errorf("got %s %s (%s), want %s %s", got.Kind, got.Reason, got.Message, kind, reason)
	}
}

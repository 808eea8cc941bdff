package s3target_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	s3target "github.com/rossum-relay/rossum-relay/worker/target/s3"
	"github.com/rossum-relay/rossum-relay/worker/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Suite{
		Open: openFar,
		Situations: []targettest.Situation{targettest.Refused, targettest.UnknownHost, targettest.BadCredentials, targettest.Slow,
			targettest.ResetBefore, targettest.ResetAfter, targettest.Full},
	})
}

func openFar(t *testing.T, situation targettest.Situation) targettest.Far {
	s := serve(t, func(s *store) { s.Fault = faultOf(situation) })
	tg := open(t, s, func(cfg *configs.S3Target) {
		switch situation {
		case targettest.Refused:
			cfg.Endpoint = "http://" + closedAddress(t)
		case targettest.UnknownHost:
			cfg.Endpoint = "http://erp.invalid"
		case targettest.BadCredentials:
			cfg.AccessKey = configs.NewSecret("AKIAOTHER")
		}
	})
	return targettest.Far{
		Target: tg,
		Write: func(name string, body []byte) *target.Request {
			return &target.Request{Method: http.MethodPut, Path: "in/" + name, Body: body}
		},
		Applied: func() (bodies [][]byte) {
			for _, content := range s.Files(t) {
				bodies = append(bodies, []byte(content))
			}
			return bodies
		},
		Outside: func() bool {
			for name := range s.Files(t) {
				if !strings.HasPrefix(name, "in/") || strings.Contains(name, "..") {
					return true
				}
			}
			return false
		},
	}
}

// faultOf is what happens to the request that makes the document visible.
func faultOf(s targettest.Situation) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !isCommit(r) {
			return false
		}
		switch s {
		case targettest.Slow:
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		case targettest.ResetBefore:
			reset(w)
		case targettest.ResetAfter:
			next.ServeHTTP(httptest.NewRecorder(), r)
			reset(w)
		case targettest.Full:
			refuse(w, r, http.StatusInsufficientStorage, "XMinioStorageFull")
		default:
			return false
		}
		return true
	}
}

// reset ends a connection with RST.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestFiles(t *testing.T) {
	targettest.RunFiles(t, func(t *testing.T, collision string) targettest.FileStore {
		s := serve(t)
		return targettest.FileStore{
			Target: open(t, s, func(cfg *configs.S3Target) { cfg.Collision = collision }),
			Put:    func(name, content string) { s.Put(t, name, content) },
			Files:  func() map[string]string { return s.Files(t) },
		}
	})
}

// TestStreams has a store that forgets: the other tests' is in memory.
func TestStreams(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Has("uploads"):
			_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"e"`)
		}
	}))
	defer server.Close()
	targettest.Streams(t, open(t, &store{URL: server.URL}), "in/a.xml")
}

// TestRequestsOnTheWire are what the store can rely on.
func TestRequestsOnTheWire(t *testing.T) {
	s := serve(t)
	req := document()
	req.Files = []target.File{largeFile()}
	_, out := open(t, s).Do(t.Context(), req)
	wantOutcome(t, out, outcome.OK, "stored")
	var commits, parts int
	for _, r := range s.Requests() {
		switch {
		case isCommit(r):
			commits++
			if r.Header.Get("If-None-Match") != "*" {
				t.Errorf("%s %s may replace an object", r.Method, r.URL)
			}
		case r.Method == http.MethodPut:
			parts++
		}
		if r.Method == http.MethodPut && (len(r.Header.Get("X-Amz-Checksum-Sha256")) != 44 || len(r.Header.Get("X-Amz-Content-Sha256")) != 64) {
			t.Errorf("%s %s without checksums: %v", r.Method, r.URL, r.Header)
		}
		if !strings.HasPrefix(r.URL.Path, "/"+bucket) {
			t.Errorf("%s is not path style", r.URL)
		}
	}
	if commits != 2 || parts != 2 {
		t.Errorf("%d commits, %d parts", commits, parts)
	}
	object, err := s.backend.HeadObject(bucket, "in/a.xml")
	if err != nil {
		t.Fatal(err)
	}
	if object.Metadata["Content-Type"] != "application/xml" || len(object.Metadata["X-Amz-Meta-Sha256"]) != 64 {
		t.Errorf("metadata %v", object.Metadata)
	}
}

// TestUncertain: what was applied without an answer is found again.
func TestUncertain(t *testing.T) {
	for name, large := range map[string]bool{"document": false, "in parts": true} {
		t.Run(name, func(t *testing.T) {
			broken := false
			s := serve(t, func(s *store) {
				s.Fault = func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
					if broken || !isCommit(r) {
						return false
					}
					broken = true
					next.ServeHTTP(httptest.NewRecorder(), r)
					reset(w)
					return true
				}
			})
			tg := open(t, s, func(cfg *configs.S3Target) { cfg.Collision = "suffix" })
			req := document()
			if large {
				req.Body, req.Files = nil, []target.File{largeFile()}
			}
			_, out := tg.Do(t.Context(), req)
			wantOutcome(t, out, outcome.Uncertain, "reset")
			_, out = tg.Do(t.Context(), req)
			wantOutcome(t, out, outcome.Duplicate, "same_content")
			if files := s.Files(t); len(files) != 1 {
				t.Errorf("stored %d times", len(files))
			}
		})
	}
}

func TestTakenMeanwhile(t *testing.T) {
	for name, large := range map[string]bool{"document": false, "in parts": true} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(s *store) {
				s.Fault = func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
					if isCommit(r) {
						s.Put(t, "in/a.xml", "<b/>")
					}
					return false
				}
			})
			req := document()
			if large {
				req.Body, req.Files = nil, []target.File{largeFile()}
			}
			_, out := open(t, s).Do(t.Context(), req)
			wantOutcome(t, out, outcome.Retry, "taken")
			if content := s.Files(t)["in/a.xml"]; content != "<b/>" {
				t.Error("replaced")
			}
			last := s.Requests()[len(s.Requests())-1]
			if large && last.Method != http.MethodDelete {
				t.Errorf("the parts stay behind: the last request is %s", last.Method)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		kind   outcome.Kind
		reason string
	}{
		{403, "InvalidAccessKeyId", outcome.Reauth, "credentials"},
		{403, "SignatureDoesNotMatch", outcome.Reauth, "credentials"},
		{403, "AccessDenied", outcome.Misconfigured, "permission"},
		{403, "RequestTimeTooSkewed", outcome.Misconfigured, "clock"},
		{404, "NoSuchBucket", outcome.Misconfigured, "no_bucket"},
		{400, "AuthorizationHeaderMalformed", outcome.Misconfigured, "region"},
		{301, "PermanentRedirect", outcome.Misconfigured, "region"},
		{501, "NotImplemented", outcome.Misconfigured, "not_supported"},
		{400, "SomethingNew", outcome.Misconfigured, "s3_other"},
		{409, "ConditionalRequestConflict", outcome.Retry, "conflict"},
		{400, "XAmzContentSHA256Mismatch", outcome.Retry, "checksum"},
		{503, "SlowDown", outcome.Throttled, "throttled"},
		{503, "ServiceUnavailable", outcome.Retry, "s3_5xx"},
		{507, "XMinioStorageFull", outcome.Retry, "full"},
		{500, "InternalError", outcome.Uncertain, "s3_5xx"},
		{502, "", outcome.Uncertain, "s3_5xx"},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s := serve(t, func(s *store) {
				s.Fault = func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
					if !isCommit(r) {
						return false
					}
					if c.code == "" {
						w.WriteHeader(c.status)
						return true
					}
					refuse(w, r, c.status, c.code)
					return true
				}
			})
			_, out := open(t, s).Do(t.Context(), document())
			wantOutcome(t, out, c.kind, c.reason)
			if out.Status != c.status || strings.Contains(out.Message, "a.xml") || strings.Contains(out.Message, secretKey) {
				t.Errorf("%+v", out)
			}
			commits := 0
			for _, r := range s.Requests() {
				if isCommit(r) {
					commits++
				}
			}
			if commits != 1 {
				t.Errorf("sent %d times", commits)
			}
		})
	}
}

// TestRefusedLook: the answer to a HEAD has no body that says why.
func TestRefusedLook(t *testing.T) {
	s := serve(t)
	tg := open(t, s, func(cfg *configs.S3Target) { cfg.AccessKey = configs.NewSecret("AKIAOTHER") })
	_, out := tg.Do(t.Context(), &target.Request{Method: http.MethodHead, Path: "in/a.xml", Safe: true})
	wantOutcome(t, out, outcome.Reauth, "credentials")
}

// TestHeadKnowsTheHash of what was put here.
func TestHeadKnowsTheHash(t *testing.T) {
	s := serve(t)
	tg := open(t, s)
	if _, out := tg.Do(t.Context(), document()); !out.Done() {
		t.Fatalf("%+v", out)
	}
	resp, _ := tg.Do(t.Context(), &target.Request{Method: http.MethodHead, Path: "in/a.xml", Safe: true})
	if resp == nil || !strings.Contains(string(resp.Body), `"sha256":"`) {
		t.Errorf("%+v", resp)
	}
}

func TestGuard(t *testing.T) {
	s := serve(t)
	_, out := open(t, s, func(cfg *configs.S3Target) { cfg.Private = false }).Do(t.Context(), document())
	wantOutcome(t, out, outcome.Misconfigured, "ssrf")
}

func TestNewRefuses(t *testing.T) {
	for want, set := range map[string]func(*configs.S3Target){
		"endpoint must be http":   func(cfg *configs.S3Target) { cfg.Endpoint = "s3.amazonaws.com" },
		"endpoint must be scheme": func(cfg *configs.S3Target) { cfg.Endpoint = "https://s3.amazonaws.com/bucket" },
		"bucket":                  func(cfg *configs.S3Target) { cfg.Bucket = "A" },
		"access_key":              func(cfg *configs.S3Target) { cfg.SecretKey = configs.Secret{} },
	} {
		cfg := configs.S3Target{Endpoint: "https://s3.eu-central-1.amazonaws.com", Bucket: bucket,
			AccessKey: configs.NewSecret(accessKey), SecretKey: configs.NewSecret(secretKey)}
		set(&cfg)
		if _, err := s3target.New("bucket", cfg, s3target.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestInstance(t *testing.T) {
	tg := open(t, &store{URL: "https://S3.eu-central-1.amazonaws.com"})
	if got := tg.Instance(); got != "s3.eu-central-1.amazonaws.com/"+bucket {
		t.Error(got)
	}
}

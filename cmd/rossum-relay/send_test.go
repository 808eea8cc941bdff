package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

const (
	testPayloads = "../../rossumapi/testdata/"
	payload08    = testPayloads + "08-status-to-review.json"
	hookSecret   = "s3cret"
)

// hookService is a service that says what it likes, depending on the path, to
// calls signed with hookSecret.
type hookService struct {
	*httptest.Server
	mu     sync.Mutex
	events map[string]int // calls by subject and request id
	polls  int
}

func newHookService() *hookService {
	s := &hookService{events: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/{name}", s.call)
	mux.HandleFunc("GET /answers/{name}", s.poll)
	s.Server = httptest.NewServer(mux)
	return s
}

func (s *hookService) call(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.PathValue("name") != "unsigned" &&
		!hmac.Equal([]byte(r.Header.Get("X-Rossum-Signature-SHA256")), []byte(signatureOf([]byte(hookSecret), body))) {
		http.Error(w, "wrong signature", http.StatusUnauthorized)
		return
	}
	envelope, err := rossumapi.DecodeEnvelope(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.events[subjectOf(envelope)+" "+envelope.RequestID]++
	s.mu.Unlock()
	switch name := r.PathValue("name"); name {
	case "busy":
		http.Error(w, "lane is full", http.StatusServiceUnavailable)
	case "long":
		fmt.Fprint(w, strings.Repeat("long ", 1000))
	case "moved":
		http.Redirect(w, r, "/hooks/ok", http.StatusFound)
	case "ok", "unsigned":
		fmt.Fprint(w, "{}")
	default: // the rest is answered later
		w.Header().Set("Location", "/answers/"+name)
		w.WriteHeader(http.StatusAccepted)
	}
}

func (s *hookService) poll(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.polls++
	polls := s.polls
	s.mu.Unlock()
	switch name := r.PathValue("name"); {
	case name == "never":
		w.WriteHeader(http.StatusAccepted)
	case name == "gone":
		http.Error(w, "unknown answer", http.StatusNotFound)
	case polls == 1:
		w.WriteHeader(http.StatusAccepted)
	case polls == 2:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"messages": [{"id": 7, "type": "error", "content": "supplier unknown"}, {"type": "info", "content": "sent"}]}`)
	}
}

func TestSendDistinctUnderLoad(t *testing.T) {
	service := newHookService()
	defer goleak.VerifyNone(t)
	defer service.Close()
	var out bytes.Buffer
	command := sendCmd{
		URL: service.URL + "/hooks/ok", Secret: hookSecret, Repeat: 100, Concurrency: 4, Distinct: true, Timeout: time.Minute,
		Files: []string{payload08, payload08, testPayloads + "12-invocation-scheduled.json"},
	}
	if err := command.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if len(service.events) != 300 {
		t.Errorf("%d distinct events, want 300", len(service.events))
	}
	for _, want := range []string{"300 calls in ", "     300 200 OK\n", "latency p50 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if printed := strings.Count(out.String(), ".json: 200 OK in"); printed != 3 {
		t.Errorf("%d answers printed, want one for each of 3 files", printed)
	}
}

func TestSendRepeatsTheSameEvent(t *testing.T) {
	service := newHookService()
	defer service.Close()
	command := sendCmd{URL: service.URL + "/hooks/ok", Secret: hookSecret, Repeat: 5, Concurrency: 1, Timeout: time.Minute, Files: []string{payload08}}
	if err := command.Run(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := service.events["21461200 15bf60ec-d0cd-49f3-b71e-45122169c619"]; got != 5 || len(service.events) != 1 {
		t.Errorf("events %v, want the file's five times", service.events)
	}
}

func TestSendIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { interrupt() }))
	defer goleak.VerifyNone(t)
	defer service.Close()
	command := sendCmd{URL: service.URL, Repeat: 1000, Concurrency: 1, Rate: 0.001, Timeout: time.Minute, Files: []string{payload08}}
	err := command.Run(ctx, io.Discard)
	if err == nil || !regexp.MustCompile(`^interrupted after [01] of 1000 calls$`).MatchString(err.Error()) {
		t.Errorf("error %v, want interrupted", err)
	}
}

// A distinct body is as long as the file, still the same event of the same
// Rossum, and its id moves in URLs too.
func TestDistinctBodies(t *testing.T) {
	files := []string{
		"01-export-us-standard-ap.json", "08-status-to-review.json", "10-upload-created-from-email.json",
		"11-email-received-attachments.json", "12-invocation-scheduled.json",
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			original, err := os.ReadFile(testPayloads + file)
			if err != nil {
				t.Fatal(err)
			}
			before, err := rossumapi.DecodeEnvelope(original)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := loadPayloads(t.Context(), []string{testPayloads + file}, nil, 20, true)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for round := range 20 {
				body, _ := loaded[0].call(round)
				after, err := rossumapi.DecodeEnvelope(body)
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				seen[subjectOf(after)+" "+after.RequestID] = true
				if len(body) != len(original) || after.Name() != before.Name() || after.BaseURL != before.BaseURL || after.Token != before.Token {
					t.Errorf("round %d changed more than ids", round)
				}
				if subject := subjectOf(before); subject != "" && bytes.Contains(body, []byte("/"+subject)) {
					t.Errorf("round %d: the old id %s is left in a URL", round, subject)
				}
			}
			if len(seen) != 20 {
				t.Errorf("%d distinct events in 20 rounds", len(seen))
			}
		})
	}
}

func TestFindSpots(t *testing.T) {
	const head = `{"event":"annotation_content","action":"export","base_url":"https://x.example",`
	tests := map[string]struct {
		body    string
		calls   uint64
		offsets []int // after head
		err     string
	}{
		"id and URL":        {`"annotation":{"id":123,"url":"https://x.example/123"}}`, 900, []int{19, 48}, ""},
		"longer numbers":    {`"annotation":{"id":123},"n":[1234,4123,123.5]}`, 1, []int{19, 39}, ""},
		"too short for all": {`"annotation":{"id":123}}`, 901, nil, "there are no 901 ids as long as 123"},
		"nothing to change": {`"annotation":null}`, 1, nil, "no annotation, upload, e-mail or request id that --distinct could change"},
		"no JSON":           {`"annotation"`, 1, nil, "payload:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spots, err := findSpots([]byte(head+test.body), test.calls)
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) {
					t.Fatalf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var offsets []int
			for _, spot := range spots {
				offsets = append(offsets, spot.offset-len(head))
			}
			if fmt.Sprint(offsets) != fmt.Sprint(test.offsets) {
				t.Errorf("offsets %v, want %v", offsets, test.offsets)
			}
		})
	}
}

func TestSpotWrite(t *testing.T) {
	tests := []struct {
		spot   sendSpot
		number uint64
		want   string
	}{
		{sendSpot{offset: 1, width: 3}, 0, "<100>"},
		{sendSpot{offset: 1, width: 3}, 899, "<999>"},
		{sendSpot{offset: 1, width: 3}, 900, "<100>"},
		{sendSpot{offset: 1, width: 3, hex: true}, 0x1ab2, "<ab2>"},
		{sendSpot{offset: 1, width: 3, hex: true}, 1, "<001>"},
	}
	for _, test := range tests {
		body := []byte("<000>")
		if test.spot.write(body, test.number); string(body) != test.want {
			t.Errorf("%d written as %s, want %s", test.number, body, test.want)
		}
	}
}

func TestCallRate(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"200/s": 5 * time.Millisecond, "50": 20 * time.Millisecond, "600/m": 100 * time.Millisecond, "1/h": time.Hour,
	} {
		var rate callRate
		if err := rate.UnmarshalText([]byte(text)); err != nil || rate.every() != want {
			t.Errorf("%s is every %s (%v), want %s", text, rate.every(), err, want)
		}
	}
	for _, text := range []string{"", "fast", "0", "-1/s", "10/d", "NaN", "Inf/s", "1e9"} {
		var rate callRate
		if err := rate.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q accepted as %v", text, rate)
		}
	}
}

func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		pace := pacer{start: start, every: 10 * time.Millisecond}
		for call := range 3 {
			begin, err := pace.wait(t.Context(), call)
			if want := start.Add(time.Duration(call) * pace.every); err != nil || !begin.Equal(want) || !time.Now().Equal(want) {
				t.Errorf("call %d begins %s after start (%v)", call, begin.Sub(start), err)
			}
		}
		// Late after a slow answer: not before its time, but counted from it.
		if begin, _ := (pacer{start: start.Add(-time.Second), every: 10 * time.Millisecond}).wait(t.Context(), 2); !begin.Equal(start.Add(-980 * time.Millisecond)) {
			t.Errorf("a late call counts from %s after it was due", begin.Sub(start.Add(-980*time.Millisecond)))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := pace.wait(ctx, 1000); err == nil || time.Since(start) != 20*time.Millisecond {
			t.Errorf("error %v after %s, want none to wait for", err, time.Since(start))
		}
	})
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("p%d of 1..200 is %d, want %d", p, got, want)
		}
	}
	if got := percentile(sorted[:1], 50); got != 1 {
		t.Errorf("p50 of one is %d", got)
	}
}

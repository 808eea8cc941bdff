package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// sendTally counts answers and prints those worth reading: the first of each
// outcome of a file.
type sendTally struct {
	mu      sync.Mutex
	out     io.Writer
	start   time.Time
	end     time.Time // of the last first answer
	calls   int
	failed  int // neither answered 2xx nor, with --wait, finally so
	latency []time.Duration
	counts  map[string]int
	printed map[printedAnswer]bool
	// What decides the hint.
	refused, unauthorized, unknown bool
}

type printedAnswer struct {
	payload *sendPayload
	outcome string
}

func newSendTally(out io.Writer) *sendTally {
	return &sendTally{out: out, start: time.Now(), counts: map[string]int{}, printed: map[printedAnswer]bool{}}
}

// add counts the answer to a call, or the error of one without.
func (t *sendTally) add(payload *sendPayload, answer sendAnswer, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.end = time.Now()
	t.unauthorized = t.unauthorized || answer.status == http.StatusUnauthorized
	t.unknown = t.unknown || answer.status == http.StatusNotFound
	if err != nil {
		t.refused = true
		t.count(payload, "no answer", fmt.Sprintf("%s (%s)", err, round(took)), "", false)
		return
	}
	t.latency = append(t.latency, took)
	headline := fmt.Sprintf("%s in %s", statusText(answer.status), round(took))
	details := excerpt(answer)
	if answer.location != "" {
		details = "  Location: " + answer.location + "\n" + details
	}
	t.count(payload, statusText(answer.status), headline, details, answer.ok())
}

// addFinal counts what a 202 led to.
func (t *sendTally) addFinal(payload *sendPayload, answer sendAnswer, polls int, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.count(payload, "then no final answer", fmt.Sprintf("%s (%d polls, %s)", err, polls, round(took)), excerpt(answer), false)
		return
	}
	headline := fmt.Sprintf("finally %s after %s, %d polls", statusText(answer.status), round(took), polls)
	t.count(payload, "then "+statusText(answer.status), headline, messages(answer), answer.ok())
}

func (t *sendTally) count(payload *sendPayload, outcome, headline, details string, ok bool) {
	if !ok {
		t.failed++
	}
	t.counts[outcome]++
	key := printedAnswer{payload, outcome}
	if !t.printed[key] {
		t.printed[key] = true
		fmt.Fprintf(t.out, "%s: %s\n%s", payload.name, printable(headline), printable(details))
	}
}

// summarize prints the counts, the rate of calls and how long answers took.
func (t *sendTally) summarize() {
	seconds := max(t.end.Sub(t.start).Seconds(), 1e-9)
	fmt.Fprintf(t.out, "\n%d calls in %.2fs, %.0f/s\n", t.calls, seconds, float64(t.calls)/seconds)
	for _, outcome := range slices.Sorted(maps.Keys(t.counts)) {
		fmt.Fprintf(t.out, "%8d %s\n", t.counts[outcome], outcome)
	}
	slices.Sort(t.latency)
	if len(t.latency) > 0 {
		fmt.Fprintf(t.out, "latency p50 %s, p99 %s, longest %s\n",
			round(percentile(t.latency, 50)), round(percentile(t.latency, 99)), round(percentile(t.latency, 100)))
	}
}

// failure is nil if all went well.
func (t *sendTally) failure(signed bool) error {
	if t.failed == 0 {
		return nil
	}
	err := fmt.Errorf("%d of %d calls did not end well", t.failed, t.calls)
	if t.calls == 1 {
		err = errors.New("the call did not end well")
	}
	switch {
	case t.unauthorized && !signed:
		return withHint(err, "sign the call with --secret-file or the environment variable ROSSUM_RELAY_SECRET")
	case t.unauthorized:
		return withHint(err, "give the same secret as in signing_secrets of the hook")
	case t.unknown:
		return withHint(err, "an address that ends with /hooks/NAME, as hooks are named in the configuration")
	case t.refused:
		return withHint(err, "check that the service runs and listens at that address")
	}
	return err
}

// messages renders the messages of a final answer, or its bytes where they are
// no such answer.
func messages(answer sendAnswer) string {
	var response rossumapi.HookResponse
	if answer.cut || json.Unmarshal(answer.body, &response) != nil {
		return excerpt(answer)
	}
	var text strings.Builder
	for _, m := range response.Messages {
		fmt.Fprintf(&text, "  %s: %s", m.Type, m.Content)
		if m.ID != 0 {
			fmt.Fprintf(&text, " (datapoint %d)", m.ID)
		}
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "  %d messages, %d operations\n", len(response.Messages), len(response.Operations))
	return text.String()
}

// excerpt renders the first 2 KiB of an answer as indented lines.
func excerpt(answer sendAnswer) string {
	const limit = 2 << 10
	body := bytes.TrimSpace(answer.body[:min(len(answer.body), limit)])
	if len(body) == 0 {
		return ""
	}
	text := "  " + strings.ReplaceAll(string(body), "\n", "\n  ") + "\n"
	if len(answer.body) > limit {
		text += "  ... (more than 2 KiB)\n"
	}
	return text
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// percentile is the smallest of the sorted times that p percent of them do not
// exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max((len(sorted)*p+99)/100-1, 0)]
}

// round keeps about three digits.
func round(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

// Package targettest is the conformance suite of all transports: whatever
// happens on the way, the outcome tells the truth about what was applied.
package targettest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// Situation is what the far end does.
type Situation string

// The situations. A transport that cannot be in one leaves it out of its Far's Situations.
const (
	Healthy        Situation = "healthy"
	Refused        Situation = "connection refused"
	UnknownHost    Situation = "unknown host"
	BadCredentials Situation = "bad credentials"
	// Slow never answers: the attempt's time-out ends it.
	Slow Situation = "slow"
	// ResetBefore breaks the connection before anything is applied, ResetAfter after it was.
	ResetBefore Situation = "reset before applying"
	ResetAfter  Situation = "reset after applying"
	// PartialAnswer applies, and the answer breaks off.
	PartialAnswer Situation = "partial answer"
	// Full has no room for the document.
	Full Situation = "full"
)

// Far is the far end of a transport, with the target that leads to it.
type Far struct {
	Target target.Target
	// Write is a request that is not safe and writes body under name, which may be hostile.
	Write func(name string, body []byte) *target.Request
	// Applied are the bodies that arrived, in order.
	Applied func() [][]byte
	// Outside reports whether something was written that should not have been; nil where that cannot be.
	Outside func() bool
}

// Suite is what a transport says of itself.
type Suite struct {
	// Open makes a far end in a situation, and cleans up with t.
	Open func(t *testing.T, s Situation) Far
	// Situations the transport can be in beside Healthy.
	Situations []Situation
}

// patience is the time-out of attempts that never end by themselves.
const patience = 200 * time.Millisecond

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Run("success", func(t *testing.T) { success(t, s.Open(t, Healthy)) })
	t.Run("streamed file", func(t *testing.T) { streamed(t, s.Open(t, Healthy)) })
	t.Run("file that cannot be opened", func(t *testing.T) { unopened(t, s.Open(t, Healthy)) })
	t.Run("interrupted before", func(t *testing.T) { interrupted(t, s.Open(t, Healthy)) })
	for name, hostile := range HostileNames() {
		t.Run("name "+name, func(t *testing.T) { hostileName(t, s.Open(t, Healthy), hostile) })
	}
	for _, situation := range s.Situations {
		t.Run(string(situation), func(t *testing.T) {
			far := s.Open(t, situation)
			req := far.Write("document", []byte("body"))
			req.Timeout = patience
			_, out := far.Target.Do(t.Context(), req)
			want(t, situation, out)
			truthful(t, out, len(far.Applied()))
		})
	}
}

// want is the outcome a situation allows, for a request that is not safe.
func want(t *testing.T, s Situation, out outcome.Outcome) {
	t.Helper()
	allowed := map[Situation][]outcome.Kind{
		Refused:        {outcome.Retry},
		UnknownHost:    {outcome.Retry},
		BadCredentials: {outcome.Reauth, outcome.Misconfigured},
		Slow:           {outcome.Uncertain, outcome.Retry},
		ResetBefore:    {outcome.Uncertain, outcome.Retry},
		ResetAfter:     {outcome.Uncertain},
		PartialAnswer:  {outcome.Uncertain},
		Full:           {outcome.Retry, outcome.Uncertain},
	}[s]
	for _, kind := range allowed {
		if out.Kind == kind {
			return
		}
	}
	t.Errorf("%s gives %s %s (%s), want one of %v", s, out.Kind, out.Reason, out.Message, allowed)
}

// truthful is the promise everything else is built on.
func truthful(t *testing.T, out outcome.Outcome, applied int) {
	t.Helper()
	switch {
	case out.Done() && applied != 1:
		t.Errorf("%s, and %d were applied", out.Kind, applied)
	case out.Kind != outcome.Uncertain && !out.Done() && applied != 0:
		t.Errorf("%s %s says not applied, and %d were", out.Kind, out.Reason, applied)
	case applied > 1:
		t.Errorf("one attempt was applied %d times", applied)
	}
	if out.Reason == "" || !out.Done() && out.Message == "" {
		t.Errorf("an outcome without reason or message: %+v", out)
	}
}

func success(t *testing.T, far Far) {
	if far.Target.Instance() == "" {
		t.Error("no instance")
	}
	_, out := far.Target.Do(t.Context(), far.Write("document", []byte("body")))
	if out.Kind != outcome.OK {
		t.Errorf("got %s %s (%s)", out.Kind, out.Reason, out.Message)
	}
	if applied := far.Applied(); len(applied) != 1 || string(applied[0]) != "body" {
		t.Errorf("applied %q", applied)
	}
}

func streamed(t *testing.T, far Far) {
	opened, closed := 0, 0
	content := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB
	req := far.Write("document", []byte("body"))
	req.Files = []target.File{{Part: "file", Name: "document.pdf", ContentType: "application/pdf", Size: int64(len(content)),
		Open: func(context.Context) (io.ReadCloser, error) {
			opened++
			return file{strings.NewReader(content), &closed}, nil
		}}}
	_, out := far.Target.Do(t.Context(), req)
	if out.Kind != outcome.OK || opened != 1 || closed != 1 {
		t.Errorf("%s %s (%s), opened %d times, closed %d times", out.Kind, out.Reason, out.Message, opened, closed)
	}
	found := false
	for _, body := range far.Applied() {
		found = found || strings.Contains(string(body), content)
	}
	if !found {
		t.Error("the file did not arrive whole")
	}
}

type file struct {
	io.Reader
	closed *int
}

func (f file) Close() error { *f.closed++; return nil }

func unopened(t *testing.T, far Far) {
	req := far.Write("document", []byte("body"))
	req.Files = []target.File{{Part: "file", Name: "a.pdf", Open: func(context.Context) (io.ReadCloser, error) { return nil, errors.New("gone") }}}
	_, out := far.Target.Do(t.Context(), req)
	if out.Kind != outcome.Retry {
		t.Errorf("got %s %s (%s)", out.Kind, out.Reason, out.Message)
	}
	truthful(t, out, len(far.Applied()))
}

func interrupted(t *testing.T, far Far) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, out := far.Target.Do(ctx, far.Write("document", []byte("body")))
	if out.Kind != outcome.Retry {
		t.Errorf("got %s %s (%s)", out.Kind, out.Reason, out.Message)
	}
	truthful(t, out, len(far.Applied()))
}

// HostileNames are names an invoice number may become part of.
func HostileNames() map[string]string {
	return map[string]string{
		"parent": "../../etc/passwd", "absolute": "/etc/passwd", "backslash": `..\..\boot.ini`, "nul": "a\x00.pdf", "line end": "a\r\nX-Evil: 1",
		"long": strings.Repeat("n", 300), "unicode": "Fáktura č. 請求書 💶", "dot": ".", "dots": "..", "empty": "", "spaces": "  ", "invalid utf8": "a\xff\xfe",
		"reserved": `con<>:"|?*`, "escaped": "%2e%2e%2fetc",
	}
}

func hostileName(t *testing.T, far Far, name string) {
	_, out := far.Target.Do(t.Context(), far.Write(name, []byte("body")))
	if out.Kind != outcome.OK && !out.Final() {
		t.Errorf("got %s %s (%s): a name is taken or refused for good", out.Kind, out.Reason, out.Message)
	}
	truthful(t, out, len(far.Applied()))
	if far.Outside != nil && far.Outside() {
		t.Error("something was written outside")
	}
}

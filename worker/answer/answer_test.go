package answer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/answer"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a store on a clock of its own.
type fixture struct {
	*answer.Store
	t     *testing.T
	queue *queue.Queue
	now   time.Time
}

func open(t *testing.T) *fixture {
	f := &fixture{t: t, queue: queuetest.Open(t), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if f.Store, err = answer.Open(t.Context(), f.queue, func() time.Time { return f.now }); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) pass(d time.Duration) { f.now = f.now.Add(d) }

// call is an export with one waiting and one accepting pipeline.
func (f *fixture) call() answer.Call {
	return answer.Call{
		Key: run.NewEventKey("hook", "annotation_content.export", f.t.Name()), Hook: "hook", Name: "annotation_content.export",
		Annotation: 7, Queue: 8, BaseURL: "https://acme.rossum.app", RequestID: "r1", Sent: f.now, Token: "token-1", Within: 20 * time.Minute,
		Runs: []answer.RunRef{{Pipeline: "erp", Lane: "erp", Wait: true, ReExport: true}, {Pipeline: "lake", Lane: "lake"}},
	}
}

func (f *fixture) join(c answer.Call) (answer.Event, bool) {
	f.t.Helper()
	e, opened, err := f.Join(f.t.Context(), c)
	if err != nil {
		f.t.Fatal(err)
	}
	return e, opened
}

func (f *fixture) settle(id run.ID, r answer.Result) {
	f.t.Helper()
	r.Settled = f.now
	if err := f.Settle(f.t.Context(), id, r); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) tell(e answer.Event) answer.Answer {
	f.t.Helper()
	a, err := f.Tell(f.t.Context(), e.Key, e.Generation)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

func (f *fixture) event(key run.EventKey) answer.Event {
	f.t.Helper()
	e, err := f.Event(f.t.Context(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

func TestJoinKeepsOneRecord(t *testing.T) {
	f := open(t)
	c := f.call()
	e, opened := f.join(c)
	if !opened || e.Generation != 1 || e.Calls != 1 || !e.Deadline.Equal(f.now.Add(20*time.Minute)) {
		t.Errorf("opened %v: %+v", opened, e)
	}
	for _, r := range e.Runs {
		if r.ID != run.NewID(c.Key, r.Pipeline, 1) {
			t.Errorf("run of %s is %s", r.Pipeline, r.ID)
		}
	}
	deadline := e.Deadline
	f.pass(5 * time.Minute)
	c.RequestID, c.Token, c.Sent = "r2", "token-2", f.now
	e, opened = f.join(c)
	if opened || e.Generation != 1 || e.Calls != 2 || !e.Deadline.Equal(deadline) || e.Token != "token-2" {
		t.Errorf("a repeated call: opened %v: %+v", opened, e)
	}
	if diff := cmp.Diff([]string{"r1", "r2"}, e.RequestIDs); diff != "" {
		t.Error(diff)
	}
	token, until, err := f.Token(t.Context(), c.Key)
	if token != "token-2" || !until.Equal(f.now.Add(2*time.Hour)) || err != nil {
		t.Errorf("token %q until %s, %v", token, until, err)
	}
}

func TestOlderTokenDoesNotReplaceNewer(t *testing.T) {
	f := open(t)
	c := f.call()
	f.join(c)
	c.Token, c.Sent = "recorded earlier", f.now.Add(-time.Hour)
	if e, _ := f.join(c); e.Token != "token-1" {
		t.Errorf("token %q", e.Token)
	}
	c.Token, c.Sent = "", f.now.Add(time.Minute)
	if e, _ := f.join(c); e.Token != "token-1" {
		t.Errorf("a call without a token left %q", e.Token)
	}
}

func TestRequestIDsAreBounded(t *testing.T) {
	f := open(t)
	c := f.call()
	for n := range 40 {
		c.RequestID = strings.Repeat("x", n+1)
		f.join(c)
	}
	if e := f.event(c.Key); len(e.RequestIDs) != 16 || len(e.RequestIDs[15]) != 40 || e.Calls != 40 {
		t.Errorf("%d request ids of %d calls", len(e.RequestIDs), e.Calls)
	}
}

func TestGenerations(t *testing.T) {
	settleBoth := func(f *fixture, e answer.Event) {
		for _, r := range e.Runs {
			f.settle(r.ID, answer.Result{State: run.Done})
		}
	}
	for name, test := range map[string]struct {
		before func(*fixture, answer.Event)
		opens  bool
	}{
		"unfinished for hours": {func(f *fixture, _ answer.Event) { f.pass(5 * time.Hour) }, false},
		"one run unfinished": {func(f *fixture, e answer.Event) {
			f.settle(e.Runs[0].ID, answer.Result{State: run.Done})
			f.tell(e)
			f.pass(time.Hour)
		}, false},
		"settled and told 9 minutes ago": {func(f *fixture, e answer.Event) {
			settleBoth(f, e)
			f.tell(e)
			f.pass(9 * time.Minute)
		}, false},
		"settled and told 10 minutes ago": {func(f *fixture, e answer.Event) {
			settleBoth(f, e)
			f.tell(e)
			f.pass(10 * time.Minute)
		}, true},
		"settled half an hour ago, answer not fetched": {func(f *fixture, e answer.Event) {
			settleBoth(f, e)
			f.pass(30 * time.Minute)
		}, false},
		"answer not fetched in an hour": {func(f *fixture, e answer.Event) {
			settleBoth(f, e)
			f.pass(time.Hour)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			c := f.call()
			e, _ := f.join(c)
			test.before(f, e)
			joins, err := f.Joins(t.Context(), c.Key)
			if err != nil || joins == test.opens {
				t.Errorf("joins %v, %v", joins, err)
			}
			next, opened := f.join(c)
			if opened != test.opens {
				t.Fatalf("opened %v: %+v", opened, next)
			}
			if !opened {
				return
			}
			if next.Generation != 2 || next.Runs[0].ID == e.Runs[0].ID || !next.AnswerToldAt.IsZero() || next.Calls != 1 {
				t.Errorf("second generation: %+v", next)
			}
			if a := f.tell(next); a.Ready {
				t.Error("the second generation is ready before its runs are")
			}
			if a := f.tell(e); !a.Ready {
				t.Error("the link of the first generation lost its answer")
			}
			if again := f.event(c.Key); !again.AnswerToldAt.IsZero() {
				t.Error("a poll of the first generation counts for the second")
			}
		})
	}
}

func TestConcurrentCallsOpenOnce(t *testing.T) {
	f := open(t)
	other, err := answer.Open(t.Context(), f.queue, func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	const calls = 16
	opened := make(chan bool, calls)
	c := f.call()
	for n := range calls {
		store := f.Store
		if n%2 == 1 {
			store = other
		}
		go func() {
			_, first, err := store.Join(t.Context(), c)
			opened <- first && err == nil
		}()
	}
	count := 0
	for range calls {
		if <-opened {
			count++
		}
	}
	if e := f.event(c.Key); count != 1 || e.Calls != calls || e.Generation != 1 {
		t.Errorf("%d opened, %d calls, generation %d", count, e.Calls, e.Generation)
	}
}

func TestAnswerOfStates(t *testing.T) {
	info := rossumapi.Info("delivered")
	field := rossumapi.Error("supplier unknown", 2104887101)
	replace := rossumapi.Replace(2104887101, "E-1")
	for name, test := range map[string]struct {
		result answer.Result
		want   string
	}{
		"done": {answer.Result{State: run.Done, Messages: []rossumapi.Message{info}, Operations: []rossumapi.Operation{replace}},
			`{"messages":[{"type":"info","content":"delivered"}],"operations":[{"op":"replace","id":2104887101,"value":{"content":{"value":"E-1"},"validation_sources":["connector"]}}]}`},
		"skipped": {answer.Result{State: run.Skipped}, `{}`},
		"dead at a field": {answer.Result{State: run.Dead, Messages: []rossumapi.Message{field}},
			`{"messages":[{"id":2104887101,"type":"error","content":"supplier unknown"}]}`},
		"dead without a word": {answer.Result{State: run.Dead, Messages: []rossumapi.Message{info}},
			`{"messages":[{"type":"info","content":"delivered"},{"type":"error","content":"erp: not delivered; an operator has to look at run RUN"}]}`},
		"cancelled": {answer.Result{State: run.Cancelled},
			`{"messages":[{"type":"error","content":"erp: not delivered; an operator has ended run RUN"}]}`},
		"dropped": {answer.Result{State: run.Dropped},
			`{"messages":[{"type":"error","content":"erp: not delivered; an operator has ended run RUN"}]}`},
		"blockers": {answer.Result{State: run.Done, AutomationBlockers: []rossumapi.AutomationBlocker{{ID: 5, Content: "<limit>"}}},
			`{"automation_blockers":[{"id":5,"content":"&lt;limit&gt;"}]}`},
		"a value Rossum would refuse": {answer.Result{State: run.Done, Operations: []rossumapi.Operation{rossumapi.Replace(5, strings.Repeat("x", 1501)), replace}},
			`{"messages":[{"type":"warning","content":"erp: a value was not written back: REASON"}],"operations":[{"op":"replace","id":2104887101,"value":{"content":{"value":"E-1"},"validation_sources":["connector"]}}]}`},
		"free body": {answer.Result{State: run.Done, Reply: []byte(`[1,2]`)}, `[1,2]`},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			e, _ := f.join(f.call())
			if a := f.tell(e); a.Ready {
				t.Fatal("ready before the run settled")
			}
			f.settle(e.Runs[0].ID, test.result) // the accepting pipeline does not hold the answer
			a := f.tell(e)
			if !a.Ready || a.Overdue {
				t.Fatalf("answer %+v", a)
			}
			body, err := a.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(body), string(e.Runs[0].ID), "RUN")
			if _, reason, ok := strings.Cut(got, "not written back: "); ok {
				reason, _, _ = strings.Cut(reason, `"`)
				got = strings.Replace(got, reason, "REASON", 1)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			told := f.event(e.Key)
			if !told.AnswerToldAt.Equal(f.now) || told.Runs[0].Told.IsZero() || !told.Runs[1].Told.IsZero() || !told.OverdueAt.IsZero() {
				t.Errorf("record %+v", told)
			}
		})
	}
}

func TestLaterResultReplaces(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	f.settle(e.Runs[0].ID, answer.Result{State: run.Dead})
	f.tell(e)
	first := f.event(e.Key).AnswerToldAt
	f.pass(time.Minute)
	f.settle(e.Runs[0].ID, answer.Result{State: run.Done})
	if a := f.tell(e); len(a.Response.Messages) != 0 {
		t.Errorf("after the replay: %+v", a.Response)
	}
	if again := f.event(e.Key).AnswerToldAt; !again.Equal(first) {
		t.Errorf("first told at %s, now %s", first, again)
	}
}

// TestEarlierResultDoesNotReplace: who settled an earlier death and was frozen since must not undo what a replay did.
func TestEarlierResultDoesNotReplace(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	id := e.Runs[0].ID
	f.settle(id, answer.Result{State: run.Dead, Hop: 3})
	f.settle(id, answer.Result{State: run.Dead, Hop: 3}) // repeated after a crash
	f.settle(id, answer.Result{State: run.Done, Hop: 5})
	if err := f.Settle(t.Context(), id, answer.Result{State: run.Dead, Hop: 3}); !errors.Is(err, answer.ErrStale) {
		t.Errorf("an earlier end was taken: %v", err)
	}
	if r, err := f.Result(t.Context(), id); err != nil || r.State != run.Done {
		t.Errorf("the run is %s, %v", r.State, err)
	}
}

func TestAllAcceptIsNothing(t *testing.T) {
	f := open(t)
	c := f.call()
	c.Runs = c.Runs[1:]
	e, _ := f.join(c)
	a := f.tell(e)
	if body, err := a.Encode(); !a.Ready || string(body) != "{}" || err != nil || !e.Deadline.IsZero() {
		t.Errorf("%s, %v, %+v", body, err, e)
	}
}

func TestFilesAreEchoedUnlessARunSaysOtherwise(t *testing.T) {
	f := open(t)
	c := f.call()
	c.Files = []byte(`[{"id":"1"}]`)
	e, _ := f.join(c)
	f.settle(e.Runs[0].ID, answer.Result{State: run.Done})
	if body, err := f.tell(e).Encode(); string(body) != `{"files":[{"id":"1"}]}` || err != nil {
		t.Errorf("%s, %v", body, err)
	}
	f.settle(e.Runs[0].ID, answer.Result{State: run.Done, Files: []byte(`[]`)})
	if body, err := f.tell(e).Encode(); string(body) != `{"files":[]}` || err != nil {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSupersededAnswersWithItsSuccessor(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	second, third := run.NewID(e.Key, "second", 1), run.NewID(e.Key, "third", 1)
	f.settle(e.Runs[0].ID, answer.Result{State: run.Superseded, By: second})
	if a := f.tell(e); a.Ready {
		t.Fatal("ready before the successor settled")
	}
	f.settle(second, answer.Result{State: run.Superseded, By: third})
	f.settle(third, answer.Result{
		State: run.Done, Messages: []rossumapi.Message{rossumapi.Info("delivered")}, Operations: []rossumapi.Operation{rossumapi.Replace(1, "x")},
	})
	a := f.tell(e)
	if !a.Ready || len(a.Response.Messages) != 1 {
		t.Fatalf("answer %+v", a)
	}
	if len(a.Response.Operations) != 0 {
		t.Error("the successor's operations would be applied twice")
	}
}

func TestSupersededCycleEnds(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	other := run.NewID(e.Key, "other", 1)
	f.settle(e.Runs[0].ID, answer.Result{State: run.Superseded, By: other})
	f.settle(other, answer.Result{State: run.Superseded, By: e.Runs[0].ID})
	f.tell(e)
}

func TestOverdue(t *testing.T) {
	f := open(t)
	c := f.call()
	c.Runs = append(c.Runs, answer.RunRef{Pipeline: "portal", Lane: "portal", Wait: true})
	e, _ := f.join(c)
	f.settle(e.Runs[0].ID, answer.Result{State: run.Done, Messages: []rossumapi.Message{rossumapi.Info("at the ERP")}})
	f.pass(20*time.Minute - time.Second)
	if a := f.tell(e); a.Ready {
		t.Fatal("an answer before the deadline")
	}
	f.pass(time.Second)
	a := f.tell(e)
	if !a.Ready || !a.Overdue || len(a.Response.Messages) != 2 {
		t.Fatalf("answer %+v", a)
	}
	if m := a.Response.Messages[1]; m.Type != rossumapi.TypeError || !strings.Contains(m.Content, "portal: still being delivered") {
		t.Errorf("message %+v", m)
	}
	told := f.event(e.Key)
	if !told.OverdueAt.Equal(f.now) || told.Runs[0].Told.IsZero() || !told.Runs[2].Told.IsZero() {
		t.Errorf("record %+v", told)
	}
	f.pass(time.Hour)
	if _, opened := f.join(c); opened {
		t.Error("a call opened a generation beside an unfinished run")
	}
	f.settle(e.Runs[2].ID, answer.Result{State: run.Done})
	if a := f.tell(e); !a.Ready || a.Overdue {
		t.Errorf("after the late success: %+v", a)
	}
	if told := f.event(e.Key); told.Runs[2].Told.IsZero() || told.OverdueAt.IsZero() {
		t.Errorf("record %+v", told)
	}
}

func TestRunSettlingWhileOverdueIsToldIsNotLost(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	f.pass(20 * time.Minute)
	asked := 0
	racing, err := answer.Open(t.Context(), f.queue, func() time.Time {
		if asked++; asked == 1 { // the results are read, OverdueAt is not written yet
			f.settle(e.Runs[0].ID, answer.Result{State: run.Done, Messages: []rossumapi.Message{rossumapi.Info("at the ERP")}})
		}
		return f.now
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := racing.Tell(t.Context(), e.Key, 1)
	if err != nil || !a.Ready || a.Overdue || len(a.Response.Messages) != 1 {
		t.Errorf("answer %+v, %v", a, err)
	}
	if told := f.event(e.Key); told.Runs[0].Told.IsZero() {
		t.Errorf("record %+v", told)
	}
}

func TestOverdueSaysWhetherRossumExportsAgain(t *testing.T) {
	f := open(t)
	e, _ := f.join(f.call())
	f.pass(20 * time.Minute)
	if a := f.tell(e); !strings.Contains(a.Response.Messages[0].Content, "exported again") {
		t.Errorf("%+v", a.Response.Messages)
	}
}

func TestLinks(t *testing.T) {
	f := open(t)
	key := f.call().Key
	link := f.Link(key, 3)
	other, err := answer.Open(t.Context(), f.queue, nil)
	if err != nil {
		t.Fatal(err)
	}
	if k, n, ok := other.ParseLink(link); k != key || n != 3 || !ok {
		t.Errorf("another replica reads %s, %d, %v", k, n, ok)
	}
	for _, bad := range []string{
		"", "..", string(key) + ".3.", strings.Replace(link, ".3.", ".4.", 1), link + "a", link[:len(link)-1], "a" + link, link + ".", strings.ToUpper(link),
	} {
		if _, _, ok := f.ParseLink(bad); ok {
			t.Errorf("%q is a link", bad)
		}
	}
	if _, err := f.Answer(t.Context(), key, 3); !errors.Is(err, answer.ErrNotFound) {
		t.Errorf("answer of no event: %v", err)
	}
}

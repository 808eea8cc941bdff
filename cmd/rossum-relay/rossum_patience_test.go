package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/rossumapi/rossumsim"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// byHand lets Rossum's time stand still but for Advance.
func byHand(o *rossumsim.Options) { o.Manual = true }

// down is an ERP that takes nothing until ClearFaults.
func down() erpsim.Options {
	return erpsim.Options{Faults: []erpsim.Rule{{Method: "POST", Action: erpsim.Refuse, Status: 503}}}
}

// pass lets Rossum's time pass, with all that falls due.
func (r *relay) pass(ctx context.Context, d time.Duration) {
	r.t.Helper()
	if err := r.rossum.Advance(ctx, d); err != nil {
		r.t.Fatal(err)
	}
}

// passUntil lets Rossum's time pass, no faster than the relay works, until the annotation has the status.
func (r *relay) passUntil(ctx context.Context, id int64, want string) {
	r.t.Helper()
	r.passBy(ctx, 30*time.Second, id, want)
}

// passBy is passUntil in steps of another length, one each 20 ms.
func (r *relay) passBy(ctx context.Context, step time.Duration, id int64, want string) {
	r.t.Helper()
	for {
		r.pass(ctx, step)
		a, err := r.rossum.Annotation(id)
		if err != nil {
			r.t.Fatal(err)
		}
		if a.Status == want {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("annotation %d is %s, want %s; messages %+v", id, a.Status, want, a.Messages)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// begin uploads and confirms an invoice; the export's first call is made when it returns.
func (r *relay) begin(ctx context.Context, number string) int64 {
	r.t.Helper()
	id := r.export(ctx, number)
	r.pass(ctx, time.Second)
	return id
}

// exportCall is the last call Rossum made for an export.
func (r *relay) exportCall() rossumsim.HookCall {
	r.t.Helper()
	calls := r.rossum.Calls(0)
	if len(calls) == 0 {
		r.t.Fatal("Rossum called nobody")
	}
	return calls[len(calls)-1]
}

// TestPatience is the whole of design section 4.5 on a clock of Rossum's own: how long an export may take, and what
// happens meanwhile.
func TestPatience(t *testing.T) {
	t.Run("done within the first poll", func(t *testing.T) {
		ctx, r := r45(t, createStep+tellStep, erpsim.Options{})
		id := r.begin(ctx, "INV-1")
		r.settled(ctx, 1)
		r.pass(ctx, 30*time.Second)
		r.status(ctx, id, "exported")
		if call := r.exportCall(); call.Attempts != 1 || call.Polls != 1 {
			t.Errorf("%d calls, %d polls", call.Attempts, call.Polls)
		}
		r.effects(1)
	})
	for name, newID := range map[string]bool{"same request id": false, "new request id and token": true} {
		t.Run("twelve minutes, "+name, func(t *testing.T) {
			ctx, r := r45(t, createStep+tellStep, down(), func(o *rossumsim.Options) { o.NewRequestID, o.SameToken = newID, !newID })
			id := r.begin(ctx, "INV-1")
			r.pass(ctx, 12*time.Minute)
			if call := r.exportCall(); call.Attempts != 3 || call.Done {
				t.Errorf("%d calls, done %v: %s", call.Attempts, call.Done, call.Failure)
			}
			r.erp.ClearFaults()
			if all := r.settled(ctx, 1); len(all) != 1 {
				t.Errorf("%d runs: a repeated call started another", len(all))
			}
			r.pass(ctx, 30*time.Second)
			r.status(ctx, id, "exported")
			r.effects(1)
		})
	}
	t.Run("three hours", func(t *testing.T) {
		ctx, r := r45(t, createStep+tellStep, down())
		id := r.begin(ctx, "INV-1")
		r.passUntil(ctx, id, rossumapi.StatusFailedExport)
		if a, _ := r.rossum.Annotation(id); len(a.Messages) != 1 || !strings.Contains(a.Messages[0].Content, "still being delivered") {
			t.Errorf("Rossum was told %+v", a.Messages)
		}
		r.pass(ctx, 3*time.Hour)
		r.erp.ClearFaults()
		r.passUntil(ctx, id, rossumapi.StatusExported)
		if all := r.settled(ctx, 2); count(all)[run.Done] != 2 {
			t.Errorf("runs %v, want the late one and the one that found all delivered", count(all))
		}
		if a, _ := r.rossum.Annotation(id); strings.Contains(string(a.Metadata.Get("rossum_relay")), "null") || a.Metadata.Get("rossum_relay") == nil {
			t.Errorf("metadata %s", a.Metadata.Get("rossum_relay"))
		}
		r.effects(1)
	})
	t.Run("fails for good", func(t *testing.T) {
		ctx, r := r45(t, createStep, erpsim.Options{Faults: []erpsim.Rule{{
			Method: "POST", Action: erpsim.Refuse, Status: 422, Body: `{"errors":{"total":["<b>is negative</b>"]}}`,
		}}})
		id := r.begin(ctx, "INV-1")
		if all := r.settled(ctx, 1); count(all)[run.Dead] != 1 {
			t.Fatalf("runs %v", count(all))
		}
		r.pass(ctx, 30*time.Second)
		r.status(ctx, id, "failed_export")
		a, _ := r.rossum.Annotation(id)
		if len(a.Messages) == 0 || a.Messages[0].ID == 0 || !strings.Contains(a.Messages[0].Content, "&lt;b&gt;is negative") {
			t.Errorf("Rossum was told %+v", a.Messages)
		}
		r.effects(0)
	})
}

// r45 is a running relay beside a Rossum whose time stands still.
func r45(t *testing.T, steps string, erp erpsim.Options, rossum ...func(*rossumsim.Options)) (context.Context, *relay) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	config := strings.Replace(testConfig(steps), "    retry:", "    wait: {at_most: 400ms}\n    fields: {total: amount_total}\n    retry:", 1)
	r := newRelay(t, config, erp, append(rossum, byHand)...)
	r.hook("annotation_content.export")
	r.start()
	return ctx, r
}

// TestRestartBetweenCallAndPoll: the answer is asked for at another process than the one that was called.
func TestRestartBetweenCallAndPoll(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := newRelay(t, testConfig(createStep), down(), byHand)
	r.hook("annotation_content.export")
	stop := r.start()
	id := r.begin(ctx, "INV-1")
	stop()
	r.erp.ClearFaults()
	r.start()
	r.settled(ctx, 1)
	r.pass(ctx, 30*time.Second)
	r.status(ctx, id, "exported")
	r.effects(1)
}

// TestReplicas: calls and polls reach two relays in turn.
func TestReplicas(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nats := startNATS(t, 1)
	config := strings.Replace(testConfig(createStep), `queue: {data: "${DATA}", durability: fast, max_store: 1GiB}`, nats.queue(), 1)
	config = strings.Replace(config, `public_url: "http://${LISTEN}"`, `public_url: "${PUBLIC}"`, 1)
	r := newRelay(t, config, down(), byHand)
	second := *r
	second.listen = quietAddr(t)
	turn, asked := roundRobin(t, r.listen, second.listen)
	r.more = map[string]string{"PUBLIC": turn}
	second.more = r.more
	r.hookAt(turn+"/hooks/test", "annotation_content.export")
	r.start()
	second.start()
	id := r.begin(ctx, "INV-1")
	r.pass(ctx, 6*time.Minute) // a repeated call and polls, at both
	r.erp.ClearFaults()
	if all := r.settled(ctx, 1); len(all) != 1 {
		t.Errorf("%d runs", len(all))
	}
	r.pass(ctx, 30*time.Second)
	r.status(ctx, id, "exported")
	r.effects(1)
	for i := range asked {
		if asked[i].Load() == 0 {
			t.Errorf("relay %d was never asked", i)
		}
	}
}

// queue is the part of a configuration that names the servers.
func (s *natsServers) queue() string {
	return fmt.Sprintf(`queue: {url: %q, replicas: 1, keys: ["%s="], data: "${DATA}", max_store: 1GiB}`, s.url(), strings.Repeat("A", 43))
}

// roundRobin is a balancer that hands every request to the next relay.
func roundRobin(t *testing.T, addresses ...string) (public string, asked []atomic.Int32) {
	t.Helper()
	asked = make([]atomic.Int32, len(addresses))
	var next atomic.Int32
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			n := int(next.Add(1)) % len(addresses)
			asked[n].Add(1)
			p.SetURL(&url.URL{Scheme: "http", Host: addresses[n]})
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(s.Close)
	return s.URL, asked
}

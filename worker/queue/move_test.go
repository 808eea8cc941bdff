package queue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/queue/queuetest"
)

// TestFiredTwice: a schedule that the server fires twice, as it may at the change of a leader, comes into its lane twice.
// The second time the server has purged whatever schedule the run had by then.
func TestFiredTwice(t *testing.T) {
	q := queuetest.Open(t)
	e := envelope(0)
	e.Hop = 3
	if err := q.Schedule(t.Context(), "erp", e, store(t, q, e, []byte("payload")), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	client, _ := q.Client()
	nc, err := nats.Connect(client.URL, nats.UserInfo(client.User, client.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	retry, err := js.Stream(t.Context(), "RETRY")
	if err != nil {
		t.Fatal(err)
	}
	scheduled, err := retry.GetLastMsgForSubject(t.Context(), "retry.erp."+string(e.Run))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		fired := nats.NewMsg("due.erp." + string(e.Run))
		fired.Data = scheduled.Data
		for name, values := range scheduled.Header {
			if !strings.HasPrefix(name, "Nats-") {
				fired.Header[name] = values
			}
		}
		if _, err := js.PublishMsg(t.Context(), fired); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	moved := make(chan error, 1)
	go func() { moved <- q.Move(ctx) }()
	for _, d := range take(t, q, "erp", 2) {
		if d.Run != e.Run || d.Hop != e.Hop {
			t.Errorf("got run %s hop %d, want %s hop %d", d.Run, d.Hop, e.Run, e.Hop)
		}
	}
	cancel()
	if err := <-moved; err != nil {
		t.Error(err)
	}
}

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

const (
	// nameFor is how long the name of a Rossum queue is remembered: as long a renamed one may be taken for another.
	nameFor = time.Minute
	// askWithin bounds the call, which may go on when ingest waits no longer for it.
	askWithin = 10 * time.Second
	namesMost = 10_000
)

// queueNames finds names of Rossum queues for ingest, which asks while Rossum waits. It is safe for concurrent use.
type queueNames struct {
	client func(environment string) (*rossumapi.Client, error)
	flight singleflight.Group

	mu    sync.Mutex
	known map[string]knownName
}

type knownName struct {
	name  string
	err   error
	until time.Time
}

func newQueueNames(client func(string) (*rossumapi.Client, error)) *queueNames {
	return &queueNames{client: client, known: map[string]knownName{}}
}

// resolve returns the name of a queue. It blocks for one call of Rossum where the name is not known, or until ctx ends.
func (q *queueNames) resolve(ctx context.Context, environment string, id int64) (string, error) {
	key := fmt.Sprintf("%s %d", environment, id)
	q.mu.Lock()
	k, ok := q.known[key]
	q.mu.Unlock()
	if ok && time.Now().Before(k.until) {
		return k.name, k.err
	}
	asked := q.flight.DoChan(key, func() (any, error) {
		name, err := q.ask(environment, id)
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.known) >= namesMost {
			clear(q.known)
		}
		q.known[key] = knownName{name: name, err: err, until: time.Now().Add(nameFor)}
		return name, err
	})
	select {
	case r := <-asked:
		name, _ := r.Val.(string)
		return name, r.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (q *queueNames) ask(environment string, id int64) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	client, err := q.client(environment)
	if err != nil {
		return "", err
	}
	defer client.Close()
	queue, err := client.Queue(ctx, id)
	if err != nil {
		return "", fmt.Errorf("queue %d: %w", id, err)
	}
	return queue.Name, nil
}

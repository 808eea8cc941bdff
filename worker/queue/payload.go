package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// inlineLimit is the sealed size above which a payload goes to the object store and its message refers to it.
const inlineLimit = 1 << 20

// slowest is how many bytes a second a queue stores at least, while it stores at all.
const slowest = 8 << 20

// Payload is a sealed event payload as it travels: inline, or in the object store.
type Payload struct {
	sealed []byte
	object string
	size   int // of the sealed bytes
}

// Size is the number of sealed bytes.
func (p Payload) Size() int { return p.size }

// StorePayload seals a run's payload. Above 1 MiB sealed it is in the object store when StorePayload returns; the
// caller owns it until a message that refers to it is published, and drops it with DropPayload if none is.
func (q *Queue) StorePayload(ctx context.Context, id run.ID, plain []byte) (Payload, error) {
	return q.storeSealed(ctx, id, q.ring.Seal(payloadPlace(id), plain))
}

func (q *Queue) storeSealed(ctx context.Context, id run.ID, sealed []byte) (Payload, error) {
	p := Payload{sealed: sealed, size: len(sealed)}
	if len(sealed) <= inlineLimit {
		return p, nil
	}
	p.object = string(id) + "." + rand.Text()
	err := q.tapped("object", p.object, func() error {
		return againWithin(ctx, tryWithin+time.Duration(len(sealed)/slowest)*time.Second, func(ctx context.Context) error {
			_, err := q.object.Put(ctx, jetstream.ObjectMeta{Name: p.object}, bytes.NewReader(sealed))
			return err
		})
	})
	if err != nil {
		return Payload{}, q.storeError("store payload", err)
	}
	p.sealed = nil
	return p, nil
}

// OpenPayload fetches and opens a payload.
func (q *Queue) OpenPayload(ctx context.Context, id run.ID, p Payload) ([]byte, error) {
	sealed := p.sealed
	if p.object != "" {
		var err error
		if sealed, err = q.object.GetBytes(ctx, p.object); err != nil {
			return nil, fmt.Errorf("queue: fetch payload of run %s: %w", id, err)
		}
	}
	plain, err := q.ring.Open(payloadPlace(id), sealed)
	if err != nil {
		return nil, fmt.Errorf("queue: payload of run %s: %w", id, err)
	}
	return plain, nil
}

// DropPayload deletes a payload from the object store; an inline one goes with its message.
func (q *Queue) DropPayload(ctx context.Context, p Payload) error {
	if p.object == "" {
		return nil
	}
	err := q.tapped("delete", p.object, func() error { return q.object.Delete(ctx, p.object) })
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("queue: drop payload: %w", err)
	}
	return nil
}

func (p Payload) addTo(m *nats.Msg) {
	m.Data = p.sealed
	m.Header.Set(headerSize, strconv.Itoa(p.size))
	if p.object != "" {
		m.Header.Set(headerObject, p.object)
	}
}

func payloadOf(h nats.Header, data []byte) Payload {
	p := Payload{sealed: data, size: len(data)}
	if p.object = h.Get(headerObject); p.object != "" {
		p.sealed = nil
		p.size, _ = strconv.Atoi(h.Get(headerSize))
	}
	return p
}

func payloadPlace(id run.ID) string { return "payload/" + string(id) }

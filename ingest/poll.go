package ingest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/answer"
)

const (
	firstLook   = 20 * time.Millisecond
	longestLook = 500 * time.Millisecond
)

// answer tells Rossum about a stored event: at once, after a short hold, or where to ask. now is the reply for an event
// nobody waits for.
func (s *Server) answer(r *http.Request, t *table, e *accepted, now reply) reply {
	if !e.Waits() {
		return now
	}
	if out, ok := s.held(r.Context(), e); ok {
		return out
	}
	if e.Name == eventManual { // Rossum hands the answer to its caller and does not ask again
		return now
	}
	base := t.publicURL
	if base == "" {
		base = ownURL(r)
	}
	return reply{status: http.StatusAccepted, body: []byte(empty), location: base + answer.LinkPath + s.store.Link(e.Key, e.Generation)}
}

// ownURL is where the caller found this server. Only the verified caller sees it.
func ownURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// held keeps the call open until the answer is there, the hold is over, the caller has gone, or the server stops.
func (s *Server) held(ctx context.Context, e *accepted) (out reply, ok bool) {
	if e.hold <= 0 {
		return reply{}, false
	}
	select {
	case s.holds <- struct{}{}:
		defer func() { <-s.holds }()
	default: // too many are held: this one is told where to ask
		return reply{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, e.hold)
	defer cancel()
	for pause := firstLook; ; pause = min(pause*3/2, longestLook) {
		a, err := s.store.Answer(ctx, e.Key, e.Generation)
		if err == nil && a.Ready {
			return s.tell(ctx, e)
		}
		select {
		case <-ctx.Done():
			return reply{}, false
		case <-s.drained:
			return reply{}, false
		case <-time.After(pause):
		}
	}
}

func (s *Server) tell(ctx context.Context, e *accepted) (out reply, ok bool) {
	a, err := s.store.Tell(ctx, e.Key, e.Generation)
	if err != nil || !a.Ready {
		return reply{}, false
	}
	return encodeReply(http.StatusOK, a), true
}

// poll serves an answer: 201 once it is ready, 202 before, and 404 only for a link this relay surely never gave or has
// long forgotten.
func (s *Server) poll(r *http.Request, link string, l *line) reply {
	key, generation, ok := s.store.ParseLink(link)
	if !ok {
		return refuse(http.StatusNotFound, unknownAnswer, "there is no such answer", nil)
	}
	l.key, l.generation = key, generation
	if r.Method != http.MethodGet {
		return refuseMethod(http.MethodGet)
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeWithin)
	defer cancel()
	a, err := s.store.Tell(ctx, key, generation)
	switch {
	case errors.Is(err, answer.ErrNotFound):
		return refuse(http.StatusNotFound, unknownAnswer, "there is no such answer", nil)
	case err != nil:
		return refuse(http.StatusServiceUnavailable, notStored, "the answer cannot be read now; ask again", err)
	case !a.Ready:
		l.result = "pending"
		return reply{status: http.StatusAccepted, body: []byte(empty)}
	}
	s.beginSpan(ctx, l, "GET "+pathAnswer) // of all the polls, the one that told
	l.result = "told"
	if a.Overdue {
		l.result = "overdue"
	}
	return encodeReply(http.StatusCreated, a)
}

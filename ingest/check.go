package ingest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/rossum-relay/rossum-relay/configs"
)

// checked is the answer to ?mode=check: what the call would have done.
type checked struct {
	Hook       string         `json:"hook"`
	Event      string         `json:"event"`
	EventKey   string         `json:"event_key"`
	Annotation int64          `json:"annotation,omitempty"`
	Joins      bool           `json:"joins"`    // it would join a stored event
	Unrouted   bool           `json:"unrouted"` // no pipeline takes it
	Pipelines  []checkedRoute `json:"pipelines"`
	Status     int            `json:"status"` // of the answer
}

type checkedRoute struct {
	Pipeline     string             `json:"pipeline"`
	Answer       configs.AnswerMode `json:"answer"`
	QueueUnknown bool               `json:"queue_unknown,omitempty"` // the worker decides by the queue's name
	Full         bool               `json:"full,omitempty"`          // its backlog quota is reached
}

// check says what a call would do and stores nothing.
func (s *Server) check(ctx context.Context, c *call) reply {
	out := checked{
		Hook: c.hook.name, Event: c.name, EventKey: string(c.key), Annotation: c.envelope.Annotation.ID,
		Unrouted: len(c.routes) == 0, Pipelines: []checkedRoute{}, Status: http.StatusOK,
	}
	joins, err := s.store.Joins(ctx, c.key)
	if err != nil {
		return storeRefusal(err)
	}
	out.Joins = joins
	for _, r := range c.routes {
		full, err := s.full(ctx, r)
		if err != nil {
			return storeRefusal(err)
		}
		mode := configs.AnswerAccept
		if r.wait {
			mode = configs.AnswerWait
		}
		if r.wait && c.name != eventManual && out.Status == http.StatusOK {
			out.Status = http.StatusAccepted
		}
		if full && !joins {
			out.Status = http.StatusServiceUnavailable
		}
		out.Pipelines = append(out.Pipelines, checkedRoute{Pipeline: r.name, Answer: mode, QueueUnknown: r.queueUnknown, Full: full})
	}
	body, err := json.Marshal(out)
	if err != nil {
		return storeRefusal(err)
	}
	c.line.result = "checked"
	return reply{status: http.StatusOK, body: body}
}

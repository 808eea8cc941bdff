package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// lookPause is the least time between two looks at a lane's backlog; lookShare bounds what looking costs, as a part
	// of the time.
	lookPause = time.Second
	lookShare = 20
	// meanOf is how many messages the mean size follows.
	meanOf = 64
)

// laneUse estimates what lanes store between two looks at the server.
type laneUse struct {
	mu    sync.Mutex
	lanes map[string]*use
}

type use struct {
	stored int     // messages at the last look
	since  int     // messages published by this process since
	mean   float64 // sealed bytes of a message
	seen   int     // messages the mean is of, at most meanOf
	again  time.Time
}

func (u *laneUse) lane(name string) *use {
	if u.lanes == nil {
		u.lanes = map[string]*use{}
	}
	if u.lanes[name] == nil {
		u.lanes[name] = &use{}
	}
	return u.lanes[name]
}

func (u *laneUse) add(lane string, size int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.lane(lane)
	l.since++
	l.seen = min(l.seen+1, meanOf)
	l.mean += (float64(size) - l.mean) / float64(l.seen)
}

// Backlog estimates what a lane stores, in messages and in sealed bytes with those in the object store: its runs that
// wait for a worker, and those that wait for their time, as a dead target's do. The server counts at most once a second,
// while other callers go by what is known; the mean size is that of the messages this process published.
func (q *Queue) Backlog(ctx context.Context, lane string) (messages int, bytes int64, err error) {
	q.lanes.mu.Lock()
	l := q.lanes.lane(lane)
	look := !time.Now().Before(l.again)
	if look {
		l.again = time.Now().Add(lookPause)
	}
	q.lanes.mu.Unlock()
	if look {
		if err := again(ctx, func(ctx context.Context) error { return q.look(ctx, lane) }); err != nil {
			return 0, 0, fmt.Errorf("queue: backlog of %s: %w", lane, err)
		}
	}
	q.lanes.mu.Lock()
	defer q.lanes.mu.Unlock()
	n := l.stored + l.since
	return n, int64(float64(n) * l.mean), nil
}

// look counts at the server.
func (q *Queue) look(ctx context.Context, lane string) error {
	start := time.Now()
	q.lanes.mu.Lock()
	l := q.lanes.lane(lane)
	known, seen := l.since, l.seen
	l.again = time.Time{} // in case of an error
	q.lanes.mu.Unlock()
	stored, err := q.InLine(ctx, lane)
	if err != nil {
		return err
	}
	parked, err := q.subjects(ctx, streamRetry, "*."+lane+".*") // waiting or due; a lane has its pipeline's name
	if err != nil {
		return err
	}
	mean := 0.0
	if stored += parked; seen == 0 && stored > 0 { // this process has published nothing yet
		if mean, err = q.sampleSize(ctx, lane); err != nil {
			return err
		}
	}
	q.lanes.mu.Lock()
	defer q.lanes.mu.Unlock()
	l.stored, l.since = stored, l.since-known
	if l.seen == 0 && mean > 0 {
		l.mean, l.seen = mean, 1
	}
	l.again = time.Now().Add(max(lookPause, lookShare*time.Since(start)))
	return nil
}

// InLine counts the messages of a lane that are in work or could be, unlike those that wait for their time.
func (q *Queue) InLine(ctx context.Context, lane string) (int, error) {
	c, err := q.js.Consumer(ctx, streamEvents, lanePrefix+lane)
	if errors.Is(err, jetstream.ErrConsumerNotFound) { // nobody has worked on it yet
		return q.subjects(ctx, streamEvents, "ev."+lane+".>")
	}
	if err != nil {
		return 0, err
	}
	i := c.CachedInfo()
	return int(i.NumPending) + i.NumAckPending, nil //nolint:gosec // a count
}

// subjects counts a stream's subjects without having them listed: a page behind the last one holds the total only.
func (q *Queue) subjects(ctx context.Context, stream, filter string) (int, error) {
	ask, err := json.Marshal(map[string]any{"subjects_filter": filter, "offset": math.MaxInt32})
	if err != nil {
		return 0, err
	}
	msg, err := q.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.INFO."+stream, ask)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", stream, err)
	}
	var answer struct {
		Total int                 `json:"total"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return 0, fmt.Errorf("stream %s: %w", stream, err)
	}
	if answer.Error != nil {
		return 0, fmt.Errorf("stream %s: %w", stream, answer.Error)
	}
	return answer.Total, nil
}

// sampleSize is the size of the newest message of a lane, 0 where none is left.
func (q *Queue) sampleSize(ctx context.Context, lane string) (float64, error) {
	for _, at := range []struct{ stream, subject string }{
		{streamEvents, "ev." + lane + ".>"}, {streamRetry, "retry." + lane + ".>"}, {streamRetry, "due." + lane + ".>"},
	} {
		s, err := q.js.Stream(ctx, at.stream)
		if err != nil {
			return 0, err
		}
		m, err := s.GetLastMsgForSubject(ctx, at.subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		size, err := strconv.ParseFloat(m.Header.Get(headerSize), 64)
		return size, err
	}
	return 0, nil
}

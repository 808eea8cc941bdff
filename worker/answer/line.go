package answer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Place is a run's place in the line of its annotation: runs of one pipeline and event.action that go one after the other
// (newer: in_order), oldest version first. Ingest lines a run up before it stores its message, so that the order does not
// depend on which worker is quicker.
type Place struct {
	Pipeline   string
	Event      string // event.action
	Annotation int64
	Run        run.ID
	Version    time.Time
}

// line is the runs of one annotation in their order.
type line struct {
	Runs []inLine `json:"runs"`
	// Begun is the first run, once it has begun: an older version that comes late goes behind it.
	Begun run.ID `json:"begun,omitempty"`
}

type inLine struct {
	Version time.Time `json:"version"`
	Run     run.ID    `json:"run"`
	Since   time.Time `json:"since,omitzero"`
}

// LineUp puts a run into its line; a run that is in it keeps its place.
func (s *Store) LineUp(ctx context.Context, p Place) error {
	_, err := s.lines.Change(ctx, s.lineKey(p), func(l *line) error {
		if !l.add(p, s.now()) {
			return errUnchanged
		}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// Begin asks to go first. It returns the run that does and since when that one has been in the line: another one means
// that this run has to wait for it.
func (s *Store) Begin(ctx context.Context, p Place) (first run.ID, since time.Time, err error) {
	l, err := s.lines.Change(ctx, s.lineKey(p), func(l *line) error {
		added := l.add(p, s.now())
		if l.Runs[0].Run == p.Run && l.Begun != p.Run {
			l.Begun = p.Run
			return nil
		}
		if !added {
			return errUnchanged
		}
		return nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return "", time.Time{}, err
	}
	return l.Runs[0].Run, l.Runs[0].Since, nil
}

// Leave takes a settled run out of its line and returns the run that goes first now, if any.
func (s *Store) Leave(ctx context.Context, p Place) (next run.ID, err error) {
	key := s.lineKey(p)
	for {
		l, rev, err := s.lines.Get(ctx, key)
		if errors.Is(err, queue.ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		l.Runs = slices.DeleteFunc(l.Runs, func(n inLine) bool { return n.Run == p.Run })
		if len(l.Runs) == 0 {
			err = s.lines.Delete(ctx, key, rev)
		} else {
			next = l.Runs[0].Run
			_, err = s.lines.Update(ctx, key, l, rev)
		}
		if !errors.Is(err, queue.ErrConflict) {
			return next, err
		}
		next = ""
	}
}

// add inserts a run by its version and reports whether it was new.
func (l *line) add(p Place, now time.Time) bool {
	if slices.ContainsFunc(l.Runs, func(n inLine) bool { return n.Run == p.Run }) {
		return false
	}
	least := 0
	if len(l.Runs) > 0 && l.Runs[0].Run == l.Begun {
		least = 1
	}
	at := len(l.Runs)
	for at > least && l.Runs[at-1].Version.After(p.Version) {
		at--
	}
	l.Runs = slices.Insert(l.Runs, at, inLine{Version: p.Version, Run: p.Run, Since: now})
	return true
}

func (s *Store) lineKey(p Place) string {
	return s.queue.Index("line", p.Pipeline, p.Event, strconv.FormatInt(p.Annotation, 10))
}

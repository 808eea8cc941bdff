package journal

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

// Line is the runs of one pipeline and event.action for one annotation that go one after the other (newer: in_order),
// oldest version first.
type Line struct {
	Runs []Newest `json:"runs"`
}

// LineUp puts a run into its annotation's line and returns the run that goes first: another one means that this run has
// to wait for it. A run that a worker has begun with stays first, even if an older version comes late.
func (j *Journal) LineUp(ctx context.Context, r *Record, version time.Time) (first run.ID, err error) {
	line, err := j.lines.Change(ctx, j.lineKey(r), func(l *Line) error {
		if slices.ContainsFunc(l.Runs, func(n Newest) bool { return n.Run == r.Run }) {
			return errKeep
		}
		at := len(l.Runs)
		for at > 1 && l.Runs[at-1].Version.After(version) {
			at--
		}
		l.Runs = slices.Insert(l.Runs, at, Newest{Version: version, Run: r.Run})
		return nil
	})
	if err != nil && !errors.Is(err, errKeep) {
		return "", err
	}
	return line.Runs[0].Run, nil
}

// Leave takes a settled run out of its line and returns the run that goes first now, if any.
func (j *Journal) Leave(ctx context.Context, r *Record) (next run.ID, err error) {
	key := j.lineKey(r)
	for {
		l, rev, err := j.lines.Get(ctx, key)
		if errors.Is(err, queue.ErrNotFound) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		l.Runs = slices.DeleteFunc(l.Runs, func(n Newest) bool { return n.Run == r.Run })
		if len(l.Runs) == 0 {
			err = j.lines.Delete(ctx, key, rev)
		} else {
			next = l.Runs[0].Run
			_, err = j.lines.Update(ctx, key, l, rev)
		}
		if !errors.Is(err, queue.ErrConflict) {
			return next, err
		}
	}
}

func (j *Journal) lineKey(r *Record) string {
	return j.q.Index("line", r.Pipeline, r.Event, strconv.FormatInt(r.Annotation, 10))
}

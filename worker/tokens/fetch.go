package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// lease is how long a fetch and the storing of its result take at most, by clocks that differ a little.
func (s *Source) lease() time.Duration { return s.limit + storeWithin + 5*time.Second }

// fetch takes the lease, gets a token and stores it; only what is stored is used, so that a rotated refresh token
// survives this process. queue.ErrConflict means that another process was faster: look again.
func (s *Source) fetch(ctx context.Context, r record, revision uint64, refused string) (record, error) {
	// It starts before the lease is written: a process that is frozen in between finds its time over.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit)
	defer cancel()
	now := s.store.now()
	soon := refused != "" && r.Access == refused && now.Before(r.Issued.Add(early))
	r.Lease = now.Add(s.lease())
	revision, err := s.write(ctx, r, revision)
	if err != nil {
		return r, err
	}
	used := s.refresh(r)
	grant, err := s.ask(work, used)
	r.Lease = time.Time{}
	if err != nil {
		o := s.outcomeOf(err)
		r.fail(s.proof, o, s.store.now())
		if err := s.settle(ctx, r, revision, used, false); err != nil {
			return r, err
		}
		return r, &outcome.Error{Outcome: o}
	}
	r.Access, r.Proof, r.Failed = grant.Access, s.proof, nil
	r.Issued, r.Expires = s.store.now(), now.Add(grant.Life-min(margin, grant.Life/10))
	if grant.Refresh != "" {
		r.Refresh = grant.Refresh
	}
	if r.Early++; !soon {
		r.Early = 0
	}
	err = s.settle(ctx, r, revision, used, true)
	if err != nil && !errors.Is(err, queue.ErrConflict) {
		s.unsaved = &unsaved{r, revision, used}
	}
	return r, err
}

// unsaved is a grant that could not be stored, as the queue did not answer.
type unsaved struct {
	record   record
	revision uint64
	used     string
}

// save stores what could not be stored before: it may be the only refresh token that lives.
func (s *Source) save(ctx context.Context) error {
	u := s.unsaved
	if u == nil {
		return nil
	}
	err := s.settle(ctx, u.record, u.revision, u.used, true)
	if err != nil && !errors.Is(err, queue.ErrConflict) {
		return err
	}
	s.unsaved = nil
	return nil
}

// settle stores how a fetch ended. Where somebody took over meanwhile, as the lease had ended, a grant still counts if
// the other's fetch brought none: it may hold the only refresh token that lives.
func (s *Source) settle(ctx context.Context, r record, revision uint64, used string, granted bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.lease()+storeWithin)
	defer cancel()
	for {
		_, err := s.write(ctx, r, revision)
		if !errors.Is(err, queue.ErrConflict) {
			return err
		}
		theirs := record{Lease: s.store.now().Add(1)}
		for s.store.now().Before(theirs.Lease) {
			if theirs, revision, err = s.read(ctx); err != nil {
				return err
			}
			if s.store.now().Before(theirs.Lease) && !pause(ctx) {
				return s.late()
			}
		}
		rotated := s.refresh(r) != used
		if !granted || s.refresh(theirs) != used || !rotated && s.good(theirs, "", s.store.now()) {
			return queue.ErrConflict
		}
	}
}

// refresh is the newest refresh token.
func (s *Source) refresh(r record) string {
	if r.Refresh != "" {
		return r.Refresh
	}
	return s.first.Reveal()
}

// read reads the account's record; the zero record and revision where there is none.
func (s *Source) read(ctx context.Context) (record, uint64, error) {
	r, revision, err := s.store.records.Get(ctx, s.key)
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return record{}, 0, nil
	case err != nil:
		return record{}, 0, fmt.Errorf("%s: token cache: %w", s.name, err)
	}
	return r, revision, nil
}

// write writes the account's record over the given revision; queue.ErrConflict where it is another by now.
func (s *Source) write(ctx context.Context, r record, revision uint64) (uint64, error) {
	var err error
	if revision == 0 {
		revision, err = s.store.records.Create(ctx, s.key, r)
	} else {
		revision, err = s.store.records.Update(ctx, s.key, r, revision)
	}
	if err != nil && !errors.Is(err, queue.ErrConflict) {
		err = fmt.Errorf("%s: token cache: %w", s.name, err)
	}
	return revision, err
}

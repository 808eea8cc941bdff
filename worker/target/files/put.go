package files

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// maxTries bounds the names tried under the policy suffix.
const maxTries = 99

// delivery is one PUT on its way.
type delivery struct {
	*Box
	store    Store
	document *item
	beside   []*item
}

// verdict is what the names of a try mean for a delivery.
type verdict int

const (
	free      verdict = iota // the document can have its name, and so can its companions
	there                    // the document is there
	taken                    // another file has the name of one of them
	unsettled                // depends on what a file that was not read yet holds
)

func (b *Box) put(ctx context.Context, req *target.Request) (answer, error) {
	document, beside, err := newItems(req)
	if err != nil {
		return answer{}, err
	}
	store, err := b.Open(ctx)
	if err != nil {
		return answer{}, err
	}
	defer store.Close()
	d := &delivery{Box: b, store: store, document: document, beside: beside}
	defer d.discard(ctx)

	// Files are fetched only for a document that is not there.
	n, v, culprit, err := d.resolve(ctx)
	if err == nil && (v == free || v == unsettled) {
		if err = d.stage(ctx, n); err == nil && len(req.Files) > 0 { // now it is known what they hold
			n, v, culprit, err = d.resolve(ctx)
		}
	}
	switch {
	case err != nil:
		return answer{}, err
	case v == taken:
		return d.rejected(ctx, n, culprit), nil
	case v == there:
		return d.answer(ctx, n, outcome.Outcome{Kind: outcome.Duplicate, Reason: "same_content", Status: http.StatusOK})
	}
	if err := d.commit(ctx, n); err != nil {
		return answer{}, err
	}
	return d.answer(ctx, n, outcome.Outcome{Kind: outcome.OK, Reason: "stored", Status: http.StatusCreated})
}

// resolve finds the try whose names settle the delivery. The culprit is the item whose name is taken.
func (d *delivery) resolve(ctx context.Context) (n int, v verdict, culprit *item, err error) {
	for ; n < maxTries; n++ {
		v, culprit, err = d.try(ctx, n)
		if err != nil || v == free || v == there || d.Policy != Suffix {
			break
		}
	}
	if d.Policy == Fail && v != free { // whatever the file holds
		v = taken
	}
	return min(n, maxTries-1), v, culprit, err
}

// try compares what stands under the names of the n-th try with the delivery.
func (d *delivery) try(ctx context.Context, n int) (verdict, *item, error) {
	v, err := d.compare(ctx, d.document, n)
	if err != nil || v != free {
		return v, d.document, err
	}
	for _, it := range d.beside {
		v, err := d.compare(ctx, it, n)
		if err != nil || v == taken {
			return v, it, err
		}
		it.there = v == there
	}
	return free, nil, nil
}

// compare looks what stands under an item's name: nothing, the same content, another, or one that cannot be told before
// the item is read.
func (d *delivery) compare(ctx context.Context, it *item, n int) (verdict, error) {
	name := nth(it.name, n)
	info, err := d.store.Look(ctx, name, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return free, nil
	case err != nil:
		return taken, err
	case it.size >= 0 && it.size != info.Size:
		return taken, nil
	case it.sha256 == "":
		return unsettled, nil
	case info.SHA256 == "":
		if info, err = d.store.Look(ctx, name, true); err != nil {
			return taken, err
		}
	}
	if strings.EqualFold(info.SHA256, it.sha256) {
		return there, nil
	}
	return taken, nil
}

// stage brings all that is needed to the store. Nothing can be seen yet.
func (d *delivery) stage(ctx context.Context, n int) error {
	for _, it := range append(d.beside[:len(d.beside):len(d.beside)], d.document) {
		if err := it.stage(ctx, d.store, nth(it.name, n)); err != nil {
			return err
		}
	}
	return nil
}

// commit names the companions, then the document. Before the document has its name nothing is delivered: a companion that
// may have its own or not is none to be uncertain of.
func (d *delivery) commit(ctx context.Context, n int) error {
	for _, it := range d.beside {
		if it.there {
			continue
		}
		err := d.name(ctx, it, n)
		var known *outcome.Error
		if errors.As(err, &known) && known.Outcome.Kind == outcome.Uncertain {
			known.Outcome.Kind = outcome.Retry
		}
		if err != nil {
			return err
		}
	}
	return d.name(ctx, d.document, n)
}

// name commits one item. Whoever took the name since it was free is judged by the next attempt.
func (d *delivery) name(ctx context.Context, it *item, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := it.staged.Commit(ctx, nth(it.name, n))
	if errors.Is(err, fs.ErrExist) {
		return outcome.Errorf(outcome.Retry, "taken", "%s appeared in the meantime", it.what())
	}
	if err == nil {
		it.staged = nil
	}
	return err
}

// answer ends a delivery whose document is there: with the file that says so, where one is to be written.
func (d *delivery) answer(ctx context.Context, n int, out outcome.Outcome) (answer, error) {
	name := nth(d.document.name, n)
	if d.Done != "" {
		if err := d.finish(ctx, name+d.Done); err != nil {
			return answer{}, outcome.Errorf(outcome.Uncertain, notFinished, "the document was stored, the %s file after it was not: %v", d.Done, err)
		}
	}
	return answer{out, Info{Name: name, Size: d.document.size, SHA256: d.document.sha256}}, nil
}

// finish writes an empty file, unless it is there.
func (d *delivery) finish(ctx context.Context, name string) error {
	_, err := d.store.Look(ctx, name, false)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	staged, err := d.store.Stage(ctx, Content{Reader: strings.NewReader(""), Name: name})
	if err != nil {
		return err
	}
	if err = staged.Commit(ctx, name); err != nil {
		discard(ctx, staged)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// rejected tells who has the name.
func (d *delivery) rejected(ctx context.Context, n int, culprit *item) answer {
	name := nth(culprit.name, n)
	info, err := d.store.Look(ctx, name, true)
	if err != nil {
		info = Info{Name: name}
	}
	content := "with other content"
	if culprit.sha256 != "" && strings.EqualFold(info.SHA256, culprit.sha256) {
		content = "with the same content"
	}
	message := d.Place + ": " + culprit.what() + " is there already, " + content
	if d.Policy == Suffix {
		message = d.Place + ": all names up to the suffix _99 are taken"
	}
	return answer{outcome.Outcome{Kind: outcome.Rejected, Reason: "name_taken", Status: http.StatusConflict, Message: message}, info}
}

func (d *delivery) discard(ctx context.Context) {
	for _, it := range append(d.beside[:len(d.beside):len(d.beside)], d.document) {
		discard(ctx, it.staged)
	}
}

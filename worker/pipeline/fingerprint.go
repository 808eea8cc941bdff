package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/url"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/document"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// fingerprint hashes what a send says, not how or where: the document before encoding, the form, the query and the names
// of files. It leaves out what the stable view does not show.
func (s *Step) fingerprint(ctx context.Context, scope *Scope, send *Send, doc *docValue) (string, error) {
	query, form, files := send.Request.Query, send.Request.Form, send.Request.Files
	if s.volatile {
		f := scope.stable(s.pipeline.own).frame(ctx)
		query, form, files = s.stableParameters(f, query, form, files)
	}
	h := newHash()
	if doc != nil {
		if err := h.document(doc); err != nil {
			return "", err
		}
	}
	for _, values := range []url.Values{query, form} {
		h.text("values")
		for _, name := range slices.Sorted(maps.Keys(values)) {
			h.text(name)
			for _, v := range values[name] {
				h.text(v)
			}
		}
	}
	for _, file := range files {
		h.text("file")
		h.text(file.Part)
		h.text(file.Name)
		if file.SHA256 != "" { // a document of ours; the original never changes
			h.text(file.SHA256)
		}
	}
	return hex.EncodeToString(h.sum()), nil
}

// stableParameters are the parameters as the stable view gives them. Those that fail there stand for themselves.
func (s *Step) stableParameters(f *frame, query, form url.Values, files []target.File) (url.Values, url.Values, []target.File) {
	if v, err := valuesOf(f, s.send.query); err == nil {
		query = v
	}
	if v, err := valuesOf(f, s.send.form); err == nil {
		form = v
	}
	if v, err := filesOf(f, s.send.files); err == nil {
		files = v
	}
	return query, form, files
}

// hasher hashes values so that no two lists of values collide.
type hasher struct{ hash.Hash }

func newHash() hasher { return hasher{sha256.New()} }

func (h hasher) sum() []byte { return h.Sum(nil) }

// text writes a length and the text.
func (h hasher) text(s string) {
	h.length(len(s))
	h.Write([]byte(s))
}

func (h hasher) length(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // a length
	h.Write(b[:])
}

func (h hasher) document(d *docValue) error {
	switch {
	case d.file != nil:
		h.text("file")
		h.text(d.file.name) // its content never changes
		return nil
	case d.tree == nil:
		h.text("text")
		h.text(string(d.doc.Body))
		return nil
	}
	return h.tree(d.tree)
}

// tree hashes a tree: 1.50 is 1.5, and the order of keys counts.
func (h hasher) tree(t any) error {
	switch t := t.(type) {
	case document.Map:
		h.text("map")
		h.length(len(t))
		for _, e := range t {
			h.text(e.Key)
			if err := h.tree(e.Value); err != nil {
				return err
			}
		}
		return nil
	case document.List:
		h.text("list")
		h.length(len(t))
		for _, item := range t {
			if err := h.tree(item); err != nil {
				return err
			}
		}
		return nil
	case string:
		h.text("s" + t)
		return nil
	case nil:
		h.text("null")
		return nil
	case bool:
		h.text(fmt.Sprint("bool", t))
		return nil
	case document.Date:
		h.text("d" + string(t))
		return nil
	}
	text, ok, err := document.Number(t)
	if !ok {
		return document.Misshapen("%s cannot be hashed", document.Describe(t))
	}
	if err != nil {
		return err
	}
	n, err := decimal.NewFromString(text)
	h.text("n" + n.String())
	return err
}

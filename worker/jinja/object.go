package jinja

import (
	"context"
	"iter"
)

// Object is a host value with attributes: obj.name and obj['name'] both call
// Lookup. As vars of a rendering it resolves names, each at most once per
// rendering and only when the template reaches it. Lookup may block until ctx
// ends; its error ends the rendering and stays reachable by errors.Is and As.
type Object interface {
	Lookup(ctx context.Context, name string) (value any, found bool, err error)
}

// Indexer is an [Object] or other host value that answers obj[i].
type Indexer interface {
	Index(ctx context.Context, i int) (value any, found bool, err error)
}

// Iterable is a host value a for loop can visit.
type Iterable interface {
	Iterate(ctx context.Context) iter.Seq2[any, error]
}

// Sized is a host value with a length; without [Truther] an empty one is false.
type Sized interface {
	Len() int
}

// Truther is a host value that knows whether it is true. Others are true.
type Truther interface {
	Truth() bool
}

// Func is a function a template can call: label('amount_total'). It gets and
// returns values as a [FilterFunc] does.
type Func func(ctx context.Context, args []any, kwargs map[string]any) (any, error)

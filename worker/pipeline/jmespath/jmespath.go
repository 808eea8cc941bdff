// Package jmespath evaluates JMESPath expressions over the values of the
// template engine. It follows Python's jmespath 1.0.1, which Rossum's own
// extensions use: objects keep their order, so that results are the same each
// time, numbers are exact, and strings can be compared.
package jmespath

import (
	"fmt"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// Expression is a compiled expression. It is immutable and safe for concurrent use.
type Expression struct{ root node }

// Error says what is wrong with an expression, or why it does not fit the data. It holds no value of the data.
type Error struct {
	Offset  int // byte in the source, of errors of Compile
	Message string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

func errorf(offset int, format string, args ...any) *Error {
	return &Error{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

// Compile parses an expression. Its error is an [*Error].
func Compile(source string) (*Expression, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.current(); t.kind != tokenEnd {
		return nil, errorf(t.offset, "unexpected %s", t)
	}
	return &Expression{root}, nil
}

// maxVisits bounds the work of one search: nodes visited, each for each value.
const maxVisits = 2_000_000

// Search evaluates the expression. Values are those of the template engine: nil, bool, int64, *big.Int, float64,
// decimal.Decimal, string, [*jinja.List] and [*jinja.Dict]. Its error is an [*Error].
func (x *Expression) Search(value any) (any, error) {
	v, err := (&search{}).visit(x.root, value)
	if _, ok := v.(reference); ok {
		return nil, errorf(0, "an expression reference is no value")
	}
	return v, err
}

// search is one evaluation.
type search struct{ visits int }

func (s *search) visit(n node, value any) (any, error) {
	s.visits++
	if s.visits > maxVisits {
		return nil, errorf(0, "the expression does too much work")
	}
	return n.eval(s, value)
}

func listOf(items []any) *jinja.List { return jinja.NewList(items...) }

package jinja

import (
	"fmt"
	"strings"
)

// Kind says what sort of failure an [Error] is.
type Kind int

// The kinds of failure. Where one mirrors Python's exception, it is named.
const (
	KindRuntime    Kind = iota // TemplateRuntimeError, FilterArgumentError
	KindSyntax                 // TemplateSyntaxError, TemplateAssertionError; found when compiling
	KindUndefined              // UndefinedError
	KindType                   // TypeError
	KindValue                  // ValueError
	KindLookup                 // KeyError, IndexError
	KindAttribute              // AttributeError
	KindArithmetic             // ZeroDivisionError, OverflowError
	KindNotFound               // TemplateNotFound
	KindLimit                  // one of [Limits] was reached
	KindCanceled               // the context ended
	KindHost                   // a host filter, function or object returned an error
)

// String names the kind in one lower-case word.
func (k Kind) String() string {
	names := [...]string{"runtime", "syntax", "undefined", "type", "value", "lookup",
		"attribute", "arithmetic", "not found", "limit", "canceled", "host"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Error is every failure of this package: where it happened and why. An error
// returned by a host filter, function or object stays reachable through
// errors.Is and errors.As. Messages name types and variables, never values of
// the context, except where Python's own message quotes a template's literal.
type Error struct {
	Template string // name given to Compile
	Line     int    // from 1
	Column   int    // from 1, in code points
	Kind     Kind
	Message  string
	Err      error // the host's error or the context's, else nil
}

// Error formats as template:line:column: message.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Template != "" {
		b.WriteString(e.Template)
		b.WriteByte(':')
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", e.Line, e.Column)
	} else if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap returns the host's error or the context's, if there is one.
func (e *Error) Unwrap() error { return e.Err }

func raise(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func typeError(format string, args ...any) error  { return raise(KindType, format, args...) }
func valueError(format string, args ...any) error { return raise(KindValue, format, args...) }

// hostError wraps what host code returned; an *Error passes through, so that
// a host may choose a kind of its own.
func hostError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Kind: KindHost, Message: err.Error(), Err: err}
}

// isKind reports whether err is an *Error of one of the kinds.
func isKind(err error, kinds ...Kind) bool {
	e, ok := err.(*Error) // what the engine itself hands on is never wrapped
	if !ok {
		return false
	}
	for _, k := range kinds {
		if e.Kind == k {
			return true
		}
	}
	return false
}

// position is a place in a template's source, line and column from 1.
type position struct{ line, col int }

// locate adds the place to an error that has none yet: the innermost node
// that failed names the place.
func locate(err error, template string, pos position) error {
	e, ok := err.(*Error)
	if !ok {
		e = hostError(err).(*Error)
	}
	if e.Line != 0 {
		return e
	}
	located := *e
	located.Template, located.Line, located.Column = template, pos.line, pos.col
	return &located
}

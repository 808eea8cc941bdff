package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes. A command's error may choose another by a method ExitCode() int.
const (
	exitFailure = 1
	exitUsage   = 2
)

// hintedError is an error that knows what the user can do about it.
type hintedError struct {
	error
	hint string
	code int
}

func (e *hintedError) Hint() string  { return e.hint }
func (e *hintedError) ExitCode() int { return e.code }
func (e *hintedError) Unwrap() error { return e.error }

// withHint makes an error that is followed by the line "Try: hint".
func withHint(err error, hint string) error {
	return &hintedError{error: err, hint: hint, code: exitFailure}
}

// usageError turns the parser's error into one that names the help to read.
func usageError(err error) error {
	help := "rossum-relay --help"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if selected := parse.Context.Selected(); selected != nil {
			help = selected.FullPath() + " --help"
		}
	}
	return &hintedError{error: err, hint: help, code: exitUsage}
}

// report prints an error to w, once, and its hint if it has one; it returns the
// exit code. Errors may quote what a foreign server said, hence the cleaning.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(w, "error: %s\n", printable(err.Error()))
	if hinted, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		fmt.Fprintf(w, "Try: %s\n", printable(hinted.Hint()))
	}
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return coded.ExitCode()
	}
	return exitFailure
}

// printable drops what could steer a terminal, keeping line breaks and tabs.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, text)
}

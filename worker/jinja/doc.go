// Package jinja is a Jinja2 template engine that can be trusted with money:
// it follows Jinja2 3.1 on CPython 3.11 in syntax, operators, number and text
// formatting, and it bounds everything a hostile template could make grow.
//
// Three things can be compiled: a text template ([Environment.Compile]), a
// bare expression ([Environment.CompileExpression]) and a native template
// ([Environment.CompileNative]), whose single {{ }} keeps its type. Compiled
// things are immutable and safe for concurrent use.
//
// # Values
//
// A host may pass nil, bool, every Go integer and float type, *big.Int,
// [encoding/json.Number] (an integer literal becomes an int, any other a
// float, as Python's json module reads them), string, []byte,
// decimal.Decimal, [Date], [DateTime], [TimeDelta], time.Time, slices, maps
// with string keys (visited in sorted order, for Go maps have none), [*Dict]
// and [*List] (shared by reference), [Func], and objects that implement
// [Object] and, where it applies, [Indexer], [Iterable], [Sized], [Truther]
// and fmt.Stringer.
//
// Results are nil, bool, int64 or *big.Int, float64, string, []byte,
// decimal.Decimal, [Date], [DateTime], [TimeDelta], [*Dict], [*List] (also
// for tuples), and host objects unchanged. An undefined result is told by
// [IsUndefined].
//
// # Differences from Python
//
// Attributes that begin with an underscore do not exist. Decimals are exact
// in addition, subtraction and multiplication, divide to 28 significant
// digits, print without an exponent, and '%.2f' rounds them without a detour
// through binary floats. The filters random and urlize and the global lipsum
// exist only to fail with a clear error.
package jinja

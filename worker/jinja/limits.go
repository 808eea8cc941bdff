package jinja

// Limits bounds what one compilation or one rendering may use. A zero field
// means its default. Reaching one is an [Error] of [KindLimit].
type Limits struct {
	// Steps is the number of statements, expressions, loop iterations and
	// elements visited in one rendering. Defaults to 20,000,000.
	Steps int
	// OutputBytes is the size of the rendered text, captured blocks
	// included. Defaults to 64 MiB.
	OutputBytes int
	// AllocBytes is the sum of the bytes of all strings, lists and dicts one
	// rendering creates, freed or not. Defaults to 256 MiB.
	AllocBytes int
	// ValueBytes is the size of the largest single string, list or number a
	// rendering may create. Defaults to 64 MiB.
	ValueBytes int
	// Depth is how deep macros, recursive loops, includes and nested values
	// may go. Defaults to 200.
	Depth int
	// ParseDepth is how deep blocks and expressions may nest in a template's
	// source; each operator of a chain counts. Defaults to 250.
	ParseDepth int
	// SourceBytes is the size of a template's source. Defaults to 4 MiB.
	SourceBytes int
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, def int) {
		if *field <= 0 {
			*field = def
		}
	}
	set(&l.Steps, 20_000_000)
	set(&l.OutputBytes, 64<<20)
	set(&l.AllocBytes, 256<<20)
	set(&l.ValueBytes, 64<<20)
	set(&l.Depth, 200)
	set(&l.ParseDepth, 250)
	set(&l.SourceBytes, 4<<20)
	return l
}

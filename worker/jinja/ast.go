package jinja

// An expr is an expression of a compiled template. The resolver gives its
// names their slots; after that the tree never changes.
type expr interface {
	eval(f *frame) (any, error)
}

// A stmt is a statement of a compiled template.
type stmt interface {
	exec(f *frame) error
}

type (
	constExpr struct{ value any }

	nameExpr struct {
		name string
		pos  position
		ref  ref
	}

	listExpr struct {
		items []expr
		tuple bool
		pos   position
	}

	pair     struct{ key, value expr }
	dictExpr struct {
		pairs []pair
		pos   position
	}

	getattrExpr struct {
		obj    expr
		name   string
		pos    position
		method bool // dicts have a method of that name
	}

	getitemExpr struct {
		obj, arg expr
		pos      position
	}

	sliceExpr struct {
		obj                expr
		start, stop, steps expr // nil if absent
		constant           bool // in a constant output, where Jinja2 folds a type error to undefined
		pos                position
	}

	callExpr struct {
		fn     expr
		args   callArgs
		pos    position
		caller *macroDef // of a call block
	}

	filterExpr struct {
		value expr // nil in a filter block: the captured text
		name  string
		fn    *builtin // nil if unknown, which matters only when it is reached
		args  callArgs
		pos   position
	}

	testExpr struct {
		value expr
		name  string
		fn    *builtin
		args  callArgs
		pos   position
	}

	unaryExpr struct {
		op  tokenKind
		x   expr
		pos position
	}

	binaryExpr struct {
		op   tokenKind
		x, y expr
		bare bool // x is a constant without parentheses in what Jinja2 generates
		pos  position
	}

	notExpr struct {
		x   expr
		pos position
	}

	logicExpr struct {
		x, y expr
		or   bool
		pos  position
	}

	compareOp struct {
		op compareKind
		y  expr
	}

	compareExpr struct {
		x   expr
		ops []compareOp
		pos position
	}

	concatExpr struct {
		parts []expr
		mode  escapeMode
		pos   position
	}

	condExpr struct {
		test, yes, no expr // no may be nil
		pos           position
	}
)

type namedArg struct {
	name  string
	value expr
}

// callArgs are the arguments of a call, filter or test.
type callArgs struct {
	pos      []expr
	named    []namedArg
	star     expr // *args, or nil
	starstar expr // **kwargs, or nil
}

type (
	dataStmt struct{ text string }

	outputStmt struct {
		x    expr
		call *callExpr // x, if it is a call
		mode escapeMode
		pos  position
	}

	ifBranch struct {
		test expr // nil for else
		body []stmt
	}
	ifStmt struct {
		branches []ifBranch
		pos      position
	}

	forStmt struct {
		target    expr
		iter      expr
		test      expr // nil if absent
		body      []stmt
		otherwise []stmt
		recursive bool
		pos       position
		scopes    forScopes
	}

	setStmt struct {
		target expr
		value  expr
		pos    position
		export bool
	}

	setBlockStmt struct {
		target expr
		filter *filterExpr // the outermost of a chain, or nil
		body   []stmt
		pos    position
		export bool
		loads  []load
	}

	// nsRefExpr is the target ns.attr of a set.
	nsRefExpr struct {
		name nameExpr
		attr any // a string, boxed once
		pos  position
	}

	macroDef struct {
		name     string
		args     []nameExpr
		defaults []expr // of the last args
		body     []stmt
		pos      position
		scope    macroScope
	}

	macroStmt struct {
		def    *macroDef
		target nameExpr
		export bool
	}

	callStmt struct {
		call *callExpr
		mode escapeMode
		pos  position
	}

	filterStmt struct {
		filter *filterExpr
		mode   escapeMode
		body   []stmt
		pos    position
		loads  []load
	}

	withStmt struct {
		targets []expr
		values  []expr
		body    []stmt
		pos     position
		loads   []load
	}

	autoescapeStmt struct {
		on    expr
		body  []stmt
		pos   position
		loads []load
	}

	blockStmt struct {
		name             string
		scoped, required bool
		body             []stmt
		pos              position
		scope            blockScope
		outer            *symbols // where the block stands
		topLevel         bool
	}

	extendsStmt struct {
		template expr
		pos      position
	}

	includeStmt struct {
		template      expr
		ignoreMissing bool
		withContext   bool
		pos           position
		outer         *symbols
	}

	importStmt struct {
		template    expr
		target      nameExpr
		withContext bool
		pos         position
		outer       *symbols
		export      bool
	}

	importedName struct {
		name   string
		target nameExpr
	}

	fromImportStmt struct {
		template    expr
		names       []importedName
		withContext bool
		pos         position
		outer       *symbols
		export      bool
	}

	doStmt struct {
		x   expr
		pos position
	}

	loopStmt struct { // break or continue
		signal error
		pos    position
	}
)

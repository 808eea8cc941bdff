package jinja

func (r *resolver) ifStmt(s *ifStmt, pl place) error {
	pl.soft = true
	for _, b := range s.branches {
		if b.test != nil {
			if err := r.expr(b.test, pl); err != nil {
				return err
			}
		}
		if err := r.stmts(b.body, pl); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) forStmt(s *forStmt, pl place) error {
	if err := r.checkLoopTarget(s); err != nil {
		return err
	}
	if err := r.expr(s.iter, pl); err != nil {
		return err
	}
	fn := pl.sym.fn
	if s.recursive {
		fn = &function{parent: fn}
		s.scopes.fn = fn
	}
	if err := r.forTest(s, pl, fn); err != nil {
		return err
	}
	sym := newSymbols(pl.sym, fn)
	s.scopes.loopVar = -1
	if s.recursive || usesName(s.body, "loop") || hasScopedBlock(s.body) {
		s.scopes.loopVar = sym.parameter("loop").slot
	}
	sym.parameters(s.target)
	sym.stmts(s.body)
	sym.finish()
	s.scopes.bodyLoads = sym.loads()
	inner := pl.inner(sym)
	if err := r.expr(s.target, inner); err != nil {
		return err
	}
	if err := r.stmts(s.body, inner); err != nil {
		return err
	}
	elseSym := newSymbols(pl.sym, fn)
	elseSym.stmts(s.otherwise)
	elseSym.finish()
	s.scopes.elseLoads = elseSym.loads()
	return r.stmts(s.otherwise, pl.inner(elseSym))
}

// forTest resolves the loop's filter, which runs as a function of its own
// with the loop's targets.
func (r *resolver) forTest(s *forStmt, pl place, fn *function) error {
	if s.test == nil {
		return nil
	}
	s.scopes.testFn = &function{parent: fn}
	sym := newSymbols(pl.sym, s.scopes.testFn)
	s.scopes.testTarget = cloneTarget(s.target)
	sym.parameters(s.scopes.testTarget)
	sym.loadAll(s.test)
	sym.finish()
	s.scopes.testLoads = sym.loads()
	return r.exprs(pl.inner(sym), s.scopes.testTarget, s.test)
}

func cloneTarget(x expr) expr {
	switch x := x.(type) {
	case *nameExpr:
		c := *x
		return &c
	case *listExpr:
		c := *x
		c.items = make([]expr, len(x.items))
		for i, item := range x.items {
			c.items[i] = cloneTarget(item)
		}
		return &c
	}
	return x
}

// checkLoopTarget refuses to assign to loop anywhere inside a for.
func (r *resolver) checkLoopTarget(s *forStmt) error {
	var found *nameExpr
	check := func(target expr) {
		walkNames(target, func(n *nameExpr) {
			if n.name == "loop" {
				found = n
			}
		})
	}
	check(s.target)
	walkStmts(s.body, func(st stmt) {
		switch st := st.(type) {
		case *setStmt:
			check(st.target)
		case *setBlockStmt:
			check(st.target)
		case *forStmt:
			check(st.target)
		}
	})
	if found != nil {
		return r.fail(found.pos, "can't assign to special loop variable in for-loop target")
	}
	return nil
}

func (r *resolver) setBlock(s *setBlockStmt, pl place) error {
	s.export = pl.topLevel
	sym := newSymbols(pl.sym, pl.sym.fn)
	sym.stmts(s.body)
	inner := pl.inner(sym)
	inner.live = true
	if s.filter != nil {
		sym.loadAll(s.filter)
	}
	sym.finish()
	s.loads = sym.loads()
	if s.filter != nil {
		if err := r.expr(s.filter, inner); err != nil {
			return err
		}
	}
	if err := r.expr(s.target, pl); err != nil {
		return err
	}
	return r.stmts(s.body, inner)
}

func (r *resolver) filterStmt(s *filterStmt, pl place) error {
	sym := newSymbols(pl.sym, pl.sym.fn)
	sym.stmts(s.body)
	sym.loadAll(s.filter)
	sym.finish()
	s.loads = sym.loads()
	s.mode = pl.escape
	inner := pl.inner(sym)
	if err := r.expr(s.filter, inner); err != nil {
		return err
	}
	return r.stmts(s.body, inner)
}

func (r *resolver) withStmt(s *withStmt, pl place) error {
	sym := newSymbols(pl.sym, pl.sym.fn)
	for _, t := range s.targets {
		sym.parameters(t)
	}
	sym.stmts(s.body)
	sym.finish()
	s.loads = sym.loads()
	inner := pl.inner(sym)
	if err := r.exprs(pl, s.values...); err != nil {
		return err
	}
	if err := r.exprs(inner, s.targets...); err != nil {
		return err
	}
	return r.stmts(s.body, inner)
}

func (r *resolver) autoescape(s *autoescapeStmt, pl place) error {
	sym := newSymbols(pl.sym, pl.sym.fn)
	sym.loadAll(s.on)
	sym.stmts(s.body)
	sym.finish()
	s.loads = sym.loads()
	inner := pl.inner(sym)
	if err := r.expr(s.on, inner); err != nil {
		return err
	}
	inner.escape = escapeDynamic
	if c, ok := s.on.(*constExpr); ok {
		on, err := truth(c.value)
		if err != nil {
			return err
		}
		inner.escape = escapeOff
		if on {
			inner.escape = escapeOn
		}
		inner.fixed = inner.escape
	}
	return r.stmts(s.body, inner)
}

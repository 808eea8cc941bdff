package jinja

// The analysis of a scope: which names it loads and stores, in the order in
// which Jinja2 visits them. It stops at statements that open a scope of their
// own, but for the expressions these evaluate outside of it.

func (s *symbols) stmts(body []stmt) {
	for _, st := range body {
		s.stmt(st)
	}
}

func (s *symbols) stmt(st stmt) {
	switch st := st.(type) {
	case *outputStmt:
		s.loadAll(st.x)
	case *doStmt:
		s.loadAll(st.x)
	case *ifStmt:
		s.branches(st.branches)
	case *forStmt:
		s.loadAll(st.iter)
	case *setStmt:
		s.loadAll(st.value)
		s.storeAll(st.target)
	case *setBlockStmt:
		s.storeAll(st.target)
	case *macroStmt:
		s.store(st.target.name)
	case *callStmt:
		s.loadAll(st.call)
	case *filterStmt:
		s.loadAll(st.filter)
	case *withStmt:
		for _, v := range st.values {
			s.loadAll(v)
		}
	case *extendsStmt:
		s.loadAll(st.template)
	case *includeStmt:
		s.loadAll(st.template)
	case *importStmt:
		s.loadAll(st.template)
		s.store(st.target.name)
	case *fromImportStmt:
		s.loadAll(st.template)
		for _, n := range st.names {
			s.store(n.target.name)
		}
	}
}

// branches analyzes an if: its first branch, all elifs together, the else.
func (s *symbols) branches(branches []ifBranch) {
	s.loadAll(branches[0].test)
	first, elifs, other := s.overlay(), s.overlay(), s.overlay()
	first.stmts(branches[0].body)
	for _, b := range branches[1:] {
		if b.test == nil {
			other.stmts(b.body)
			continue
		}
		elifs.loadAll(b.test)
		body := elifs.overlay()
		body.stmts(b.body)
		elifs.merge([]*symbols{body, elifs.overlay(), elifs.overlay()})
	}
	s.merge([]*symbols{first, elifs, other})
}

func (s *symbols) loadAll(x expr) {
	walkNames(x, func(n *nameExpr) { s.load(n.name) })
}

// storeAll stores the names of an assignment's target.
func (s *symbols) storeAll(target expr) {
	switch t := target.(type) {
	case *nameExpr:
		s.store(t.name)
	case *nsRefExpr:
		s.load(t.name.name)
	case *listExpr:
		for _, item := range t.items {
			s.storeAll(item)
		}
	}
}

func (s *symbols) parameters(target expr) {
	walkNames(target, func(n *nameExpr) { s.parameter(n.name) })
}

// walkNames visits the names in an expression.
func walkNames(x expr, visit func(*nameExpr)) {
	walkExpr(x, func(x expr) {
		if n, ok := x.(*nameExpr); ok {
			visit(n)
		}
	})
}

// walkExpr visits x and every expression below it, parents first.
func walkExpr(x expr, visit func(expr)) {
	if x == nil {
		return
	}
	visit(x)
	for _, child := range children(x) {
		walkExpr(child, visit)
	}
}

// children lists the expressions directly below x; some may be nil.
func children(x expr) []expr {
	switch x := x.(type) {
	case *listExpr:
		return x.items
	case *dictExpr:
		list := make([]expr, 0, 2*len(x.pairs))
		for _, p := range x.pairs {
			list = append(list, p.key, p.value)
		}
		return list
	case *getattrExpr:
		return []expr{x.obj}
	case *getitemExpr:
		return []expr{x.obj, x.arg}
	case *sliceExpr:
		return []expr{x.obj, x.start, x.stop, x.steps}
	case *callExpr:
		return append([]expr{x.fn}, x.args.exprs()...)
	case *filterExpr:
		return append([]expr{x.value}, x.args.exprs()...)
	case *testExpr:
		return append([]expr{x.value}, x.args.exprs()...)
	case *unaryExpr:
		return []expr{x.x}
	case *binaryExpr:
		return []expr{x.x, x.y}
	case *notExpr:
		return []expr{x.x}
	case *logicExpr:
		return []expr{x.x, x.y}
	case *compareExpr:
		list := []expr{x.x}
		for _, op := range x.ops {
			list = append(list, op.y)
		}
		return list
	case *concatExpr:
		return x.parts
	case *condExpr:
		return []expr{x.test, x.yes, x.no}
	}
	return nil
}

func (a *callArgs) exprs() []expr {
	list := append([]expr(nil), a.pos...)
	for _, n := range a.named {
		list = append(list, n.value)
	}
	return append(list, a.star, a.starstar)
}

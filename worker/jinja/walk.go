package jinja

// bodies lists the statement lists directly inside s.
func bodies(s stmt) [][]stmt {
	switch s := s.(type) {
	case *ifStmt:
		list := make([][]stmt, len(s.branches))
		for i, b := range s.branches {
			list[i] = b.body
		}
		return list
	case *forStmt:
		return [][]stmt{s.body, s.otherwise}
	case *setBlockStmt:
		return [][]stmt{s.body}
	case *macroStmt:
		return [][]stmt{s.def.body}
	case *callStmt:
		return [][]stmt{s.call.caller.body}
	case *filterStmt:
		return [][]stmt{s.body}
	case *withStmt:
		return [][]stmt{s.body}
	case *autoescapeStmt:
		return [][]stmt{s.body}
	case *blockStmt:
		return [][]stmt{s.body}
	}
	return nil
}

// stmtExprs lists the expressions directly in s that are read, and those
// assigned to.
func stmtExprs(s stmt) (reads, targets []expr) {
	switch s := s.(type) {
	case *outputStmt:
		reads = []expr{s.x}
	case *doStmt:
		reads = []expr{s.x}
	case *ifStmt:
		for _, b := range s.branches {
			reads = append(reads, b.test)
		}
	case *forStmt:
		return []expr{s.iter, s.test}, []expr{s.target}
	case *setStmt:
		return []expr{s.value}, []expr{s.target}
	case *setBlockStmt:
		if s.filter != nil {
			reads = []expr{s.filter}
		}
		targets = []expr{s.target}
	case *macroStmt:
		return macroExprs(s.def)
	case *callStmt:
		reads, targets = macroExprs(s.call.caller)
		reads = append(reads, s.call)
	case *filterStmt:
		reads = []expr{s.filter}
	case *withStmt:
		return s.values, s.targets
	case *autoescapeStmt:
		reads = []expr{s.on}
	case *extendsStmt:
		reads = []expr{s.template}
	case *includeStmt:
		reads = []expr{s.template}
	case *importStmt:
		return []expr{s.template}, []expr{&s.target}
	case *fromImportStmt:
		for i := range s.names {
			targets = append(targets, &s.names[i].target)
		}
		reads = []expr{s.template}
	}
	return reads, targets
}

func macroExprs(def *macroDef) (reads, targets []expr) {
	for i := range def.args {
		targets = append(targets, &def.args[i])
	}
	return def.defaults, targets
}

// walkStmts visits every statement in body and below, parents first.
func walkStmts(body []stmt, visit func(stmt)) {
	for _, s := range body {
		visit(s)
		for _, b := range bodies(s) {
			walkStmts(b, visit)
		}
	}
}

// isLeaf reports whether the body defines no function that could outlive a
// run of it.
func isLeaf(body []stmt) bool {
	leaf := true
	walkStmts(body, func(s stmt) {
		switch s := s.(type) {
		case *macroStmt, *callStmt, *blockStmt:
			leaf = false
		case *forStmt:
			leaf = leaf && !s.recursive && s.test == nil
		}
	})
	return leaf
}

// usesName reports whether the body reads the name before it assigns it,
// blocks left out. It decides which special variables a scope provides.
func usesName(body []stmt, name string) bool {
	used, _ := findUse(body, name)
	return used
}

func findUse(body []stmt, name string) (used, assigned bool) {
	for _, s := range body {
		if _, isBlock := s.(*blockStmt); isBlock {
			continue
		}
		reads, targets := stmtExprs(s)
		if mentions(targets, name) {
			return false, true
		}
		if mentions(reads, name) {
			return true, false
		}
		for _, b := range bodies(s) {
			if used, assigned := findUse(b, name); used || assigned {
				return used, assigned
			}
		}
	}
	return false, false
}

func mentions(list []expr, name string) bool {
	found := false
	for _, x := range list {
		walkNames(x, func(n *nameExpr) { found = found || n.name == name })
	}
	return found
}

func hasScopedBlock(body []stmt) bool {
	found := false
	walkStmts(body, func(s stmt) {
		b, ok := s.(*blockStmt)
		found = found || ok && b.scoped
	})
	return found
}

package jinja

import (
	"cmp"
	"slices"
)

// ref tells where a name's value lives: slot of the frame `up` functions out,
// or, with slot contextSlot, the context.
type ref struct{ up, slot int }

const contextSlot = -1

// loadKind says how a scope's variable starts out.
type loadKind int

const (
	loadParameter loadKind = iota // set by whoever enters the scope
	loadContext                   // from the context
	loadOuter                     // copied from the scope around
	loadUnset
)

// load initializes one variable when its scope is entered.
type load struct {
	slot int
	kind loadKind
	name string
	from ref
}

// function is a run of code with one frame: the template's root, a macro, a
// block, a recursive loop or a loop's filter.
type function struct {
	parent *function
	slots  int
	leaf   bool // has no functions inside, so its frame ends with its run
}

// variable is a name in one scope.
type variable struct {
	fn    *function
	slot  int
	name  string
	kind  loadKind
	outer *variable // for loadOuter
	fixed bool      // only ever read from the context: needs no slot
}

// symbols is one scope: which names it stores, and where each name it reads
// is found. The branches of an if are analyzed in overlays over the scope
// they belong to, for a name stored in some branches only must start with
// the value it has outside.
type symbols struct {
	parent *symbols // the scope around
	base   *symbols // set in an overlay
	fn     *function
	vars   map[string]*variable // every variable of the scope, shared with overlays
	refs   map[string]*variable
	kinds  map[*variable]loadKind
	stores map[string]bool
}

func newSymbols(parent *symbols, fn *function) *symbols {
	return &symbols{parent: parent, fn: fn, vars: map[string]*variable{}, refs: map[string]*variable{},
		kinds: map[*variable]loadKind{}, stores: map[string]bool{}}
}

func (s *symbols) overlay() *symbols {
	return &symbols{parent: s.parent, base: s, fn: s.fn, vars: s.vars, refs: map[string]*variable{},
		kinds: map[*variable]loadKind{}, stores: map[string]bool{}}
}

func (s *symbols) define(name string, kind loadKind) *variable {
	v := s.vars[name]
	if v == nil {
		v = &variable{fn: s.fn, slot: s.fn.slots, name: name}
		s.fn.slots++
		s.vars[name] = v
	}
	s.refs[name] = v
	s.kinds[v] = kind
	return v
}

// own finds the name in this scope only.
func (s *symbols) own(name string) *variable {
	for ; s != nil; s = s.base {
		if v := s.refs[name]; v != nil {
			return v
		}
	}
	return nil
}

func (s *symbols) stored(name string) bool {
	for ; s != nil; s = s.base {
		if s.stores[name] {
			return true
		}
	}
	return false
}

func (s *symbols) find(name string) *variable {
	for ; s != nil; s = s.parent {
		if v := s.own(name); v != nil {
			return v
		}
	}
	return nil
}

func (s *symbols) load(name string) {
	if s.find(name) == nil {
		s.define(name, loadContext)
	}
}

func (s *symbols) store(name string) {
	s.stores[name] = true
	if s.own(name) != nil {
		return
	}
	if outer := s.parent.find(name); outer != nil {
		s.define(name, loadOuter).outer = outer
		return
	}
	s.define(name, loadUnset)
}

func (s *symbols) parameter(name string) *variable {
	s.stores[name] = true
	return s.define(name, loadParameter)
}

// merge takes the branches of an if into their scope.
func (s *symbols) merge(branches []*symbols) {
	counts := map[string]int{}
	for _, b := range branches {
		for name := range b.stores {
			if !s.stored(name) {
				counts[name]++
			}
		}
	}
	for _, b := range branches {
		for name, v := range b.refs {
			s.refs[name] = v
		}
		for v, kind := range b.kinds {
			s.kinds[v] = kind
		}
		for name := range b.stores {
			s.stores[name] = true
		}
	}
	for name, n := range counts {
		if n == len(branches) {
			continue
		}
		v := s.own(name)
		if outer := s.parent.find(name); outer != nil {
			s.kinds[v], v.outer = loadOuter, outer
		} else {
			s.kinds[v] = loadContext
		}
	}
}

// finish is called once a scope is analyzed: it fixes how each variable
// starts.
func (s *symbols) finish() {
	for v, kind := range s.kinds {
		v.kind = kind
		v.fixed = kind == loadContext && !s.stores[v.name]
	}
}

// loads lists what entering the scope must initialize.
func (s *symbols) loads() []load {
	var list []load
	for v, kind := range s.kinds {
		if kind == loadParameter || v.fixed {
			continue
		}
		l := load{slot: v.slot, kind: kind, name: v.name}
		if kind == loadOuter {
			l.from = s.refTo(v.outer)
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b load) int { return cmp.Compare(a.slot, b.slot) })
	return list
}

// refTo returns where v is seen from this scope.
func (s *symbols) refTo(v *variable) ref {
	if v.fixed {
		return ref{slot: contextSlot}
	}
	up := 0
	for fn := s.fn; fn != v.fn; fn = fn.parent {
		up++
	}
	return ref{up, v.slot}
}

// ref returns where the name is found; one no scope knows is the context's.
func (s *symbols) ref(name string) ref {
	v := s.find(name)
	if v == nil {
		return ref{slot: contextSlot}
	}
	return s.refTo(v)
}

// local is a variable handed to an included template.
type local struct {
	name string
	ref  ref
}

// locals visits every variable stored in this scope and those around, the
// innermost of each name, until visit returns an error.
func (s *symbols) locals(visit func(local) error) error {
	seen := map[string]bool{}
	for at := s; at != nil; at = at.parent {
		for name := range at.stores {
			if seen[name] {
				continue
			}
			seen[name] = true
			if err := visit(local{name, s.ref(name)}); err != nil {
				return err
			}
		}
	}
	return nil
}

package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// globals are the engine's own names and null, which people know from JSON.
func globals() []string {
	return []string{"range", "dict", "namespace", "cycler", "joiner", "lipsum", "null", "loop", "caller", "varargs", "kwargs", "self", "super"}
}

// check reports the names that cannot exist when the code runs.
func (c *compiler) check(built *code, source string, n names) {
	for _, ref := range built.refs {
		c.checkName(built, ref, n)
	}
	c.checkLookups(built, source)
	c.note(built, n)
	if strings.HasPrefix(built.path, "pipelines.") {
		c.noteLoops(built, source)
		if i := strings.Index(source, "jmespath("); i >= 0 {
			c.noteJMES(built.path, built.pos, source, i)
		}
	}
}

func (c *compiler) checkName(built *code, ref jinja.Reference, n names) {
	name := ref.Path[0]
	switch {
	case slices.Contains(n.locals, name):
	case name == "steps":
		c.checkStep(built, ref, n)
	case name == "tables":
		c.checkMember(built, ref, "table", tableNames(c.cfg))
	case name == "run":
		c.checkMember(built, ref, "fact about the run", runNames())
	case slices.Contains(n.extra, name), slices.Contains(scopeNames(), name), slices.Contains(globals(), name), n.lenient:
	case name == "response" || name == "hit":
		c.fail(built.path, at(built, ref), name+" is not known here: nothing has been sent yet", "", "use it in ok, outcomes, keep and find")
	default:
		known := slices.Concat(scopeNames(), n.locals, n.extra)
		c.fail(built.path, at(built, ref), "unknown name "+name, configs.Nearest(name, known), "one of "+strings.Join(known, ", "))
	}
}

// at is where a reference stands in the file.
func at(built *code, ref jinja.Reference) configs.Pos {
	return built.pos.At(max(1, ref.Line), max(1, ref.Col))
}

// checkMember checks the second part of a reference, where it is static.
func (c *compiler) checkMember(built *code, ref jinja.Reference, what string, known []string) {
	if len(ref.Path) < 2 || slices.Contains(known, ref.Path[1]) {
		return
	}
	try := "none is defined"
	if len(known) > 0 {
		try = "one of " + strings.Join(known, ", ")
	}
	c.fail(built.path, at(built, ref), "unknown "+what+" "+ref.Path[1], configs.Nearest(ref.Path[1], known), try)
}

// checkStep checks that a step runs before, and that it has the value asked for.
func (c *compiler) checkStep(built *code, ref jinja.Reference, n names) {
	if len(ref.Path) < 2 || n.pipeline == nil {
		return
	}
	all := n.pipeline.Steps
	i := slices.IndexFunc(all, func(s configs.Step) bool { return s.Name == ref.Path[1] })
	switch {
	case i < 0:
		c.checkMember(built, ref, "step", stepNames(all[:n.before]))
	case i >= n.before:
		c.fail(built.path, at(built, ref), "step "+ref.Path[1]+" has not run yet here", "", "use a step before this one, or move it up")
	case len(ref.Path) > 2:
		c.checkStepValue(built, ref, &all[i])
	}
}

func (c *compiler) checkStepValue(built *code, ref jinja.Reference, s *configs.Step) {
	var known []string
	switch s.Kind() {
	case configs.KindSend:
		known = entryNames(s.Keep)
	case configs.KindSet:
		known = entryNames(s.Set.Map)
	case configs.KindInvoice:
		c.checkInvoiceValue(built, ref, s)
		return
	case configs.KindMap, configs.KindRender:
		return
	case configs.KindCheck, configs.KindRossum:
	}
	if slices.Contains(known, ref.Path[2]) {
		return
	}
	try := "a " + string(s.Kind()) + " step has the values of its keep"
	if s.Kind() != configs.KindSend {
		try = "a " + string(s.Kind()) + " step has no such value"
	}
	c.fail(built.path, at(built, ref), "step "+s.Name+" has no value "+ref.Path[2], configs.Nearest(ref.Path[2], known), try)
}

var lookupCall = regexp.MustCompile(`\blookup\(\s*(?:'([^'{}]*)'|"([^"{}]*)")\s*[,)]`)

// checkLookups checks the literal table names of the filter lookup.
func (c *compiler) checkLookups(built *code, source string) {
	for _, m := range lookupCall.FindAllStringSubmatchIndex(source, -1) {
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		name, known := source[from:to], tableNames(c.cfg)
		if slices.Contains(known, name) {
			continue
		}
		line, column := place(source, from)
		c.fail(built.path, built.pos.At(line, column), "unknown table "+name, configs.Nearest(name, known), "define it under tables")
	}
}

// place is the line and column of a byte of the source, both from 1.
func place(source string, offset int) (line, column int) {
	before := source[:offset]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
}

func tableNames(cfg *configs.Config) []string { return entryNames(cfg.Tables) }

func stepNames(steps []configs.Step) []string {
	list := make([]string, 0, len(steps))
	for _, s := range steps {
		list = append(list, s.Name)
	}
	return list
}

func entryNames[T any](entries configs.Named[T]) []string {
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Name)
	}
	return list
}

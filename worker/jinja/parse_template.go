package jinja

// Statements that need other templates.

func (p *parser) blockStatement(pos position) ([]stmt, error) {
	name, err := p.expect(tokName)
	if err != nil {
		return nil, err
	}
	s := &blockStmt{name: name.text, pos: pos}
	if p.blockNames[s.name] {
		return nil, p.failAt(pos, "block '%s' defined twice", s.name)
	}
	p.blockNames[s.name] = true
	p.blocks = append(p.blocks, s)
	if s.scoped, err = p.skipName("scoped"); err != nil {
		return nil, err
	}
	if s.required, err = p.skipName("required"); err != nil {
		return nil, err
	}
	if p.cur.kind == tokSub {
		return nil, p.failAt(p.cur.pos, "block names may not contain hyphens, use an underscore instead")
	}
	if s.body, err = p.functionBody("endblock"); err != nil {
		return nil, err
	}
	if s.required && !onlySpace(s.body) {
		return nil, p.failAt(pos, "required blocks can only contain comments or whitespace")
	}
	_, err = p.skipName(s.name)
	return []stmt{s}, err
}

func onlySpace(body []stmt) bool {
	for _, s := range body {
		if d, ok := s.(*dataStmt); !ok || spaceLen(d.text) != len(d.text) {
			return false
		}
	}
	return true
}

func (p *parser) extendsStatement(pos position) ([]stmt, error) {
	x, err := p.expression()
	return []stmt{&extendsStmt{template: x, pos: pos}}, err
}

func (p *parser) includeStatement(pos position) ([]stmt, error) {
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	s := &includeStmt{template: x, pos: pos, withContext: true}
	if p.cur.is("ignore") {
		next, err := p.look()
		if err != nil {
			return nil, err
		}
		if next.is("missing") {
			s.ignoreMissing = true
			if err := p.skipTwo(); err != nil {
				return nil, err
			}
		}
	}
	_, err = p.importContext(&s.withContext)
	return []stmt{s}, err
}

func (p *parser) skipTwo() error {
	if err := p.advance(); err != nil {
		return err
	}
	return p.advance()
}

// importContext reads with context or without context, if there.
func (p *parser) importContext(with *bool) (bool, error) {
	if !p.cur.is("with") && !p.cur.is("without") {
		return false, nil
	}
	next, err := p.look()
	if err != nil || !next.is("context") {
		return false, err
	}
	*with = p.cur.text == "with"
	return true, p.skipTwo()
}

func (p *parser) importStatement(pos position) ([]stmt, error) {
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	s := &importStmt{template: x, pos: pos}
	if err := p.expectName("as"); err != nil {
		return nil, err
	}
	if s.target, err = p.nameTarget(); err != nil {
		return nil, err
	}
	_, err = p.importContext(&s.withContext)
	return []stmt{s}, err
}

func (p *parser) fromStatement(pos position) ([]stmt, error) {
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	s := &fromImportStmt{template: x, pos: pos}
	if err := p.expectName("import"); err != nil {
		return nil, err
	}
	for {
		if len(s.names) > 0 {
			if _, err := p.expect(tokComma); err != nil {
				return nil, err
			}
		}
		if done, err := p.importContext(&s.withContext); done || err != nil {
			return []stmt{s}, err
		}
		name, err := p.importedName()
		if err != nil {
			return nil, err
		}
		s.names = append(s.names, name)
		done, err := p.importContext(&s.withContext)
		if done || err != nil || p.cur.kind != tokComma {
			return []stmt{s}, err
		}
	}
}

// importedName reads name or name as alias.
func (p *parser) importedName() (importedName, error) {
	target, err := p.nameTarget()
	if err != nil {
		return importedName{}, err
	}
	if target.name[0] == '_' {
		return importedName{}, p.failAt(target.pos, "names starting with an underline can not be imported")
	}
	n := importedName{name: target.name, target: target}
	if ok, err := p.skipName("as"); !ok || err != nil {
		return n, err
	}
	n.target, err = p.nameTarget()
	return n, err
}

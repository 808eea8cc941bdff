package jinja

func filterPprint(c *call) (any, error) {
	s, err := c.rt.repr(c.args[0])
	return s, err
}

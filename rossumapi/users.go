package rossumapi

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
)

// User is a person or a service account.
type User struct {
	ID           int64    `json:"id"`
	URL          string   `json:"url"`
	Username     string   `json:"username"`
	Email        string   `json:"email"`
	FirstName    string   `json:"first_name"`
	LastName     string   `json:"last_name"`
	Organization string   `json:"organization"`
	Queues       []string `json:"queues"` // what a user who is no admin can see
	Groups       []string `json:"groups"`
	IsActive     bool     `json:"is_active"`

	Raw json.RawMessage `json:"-"` // the object as sent
}

// UnmarshalJSON reads a user and keeps it as sent.
func (u *User) UnmarshalJSON(data []byte) error {
	type plain User
	return keepRaw(data, (*plain)(u), &u.Raw)
}

// User returns a user.
func (c *Client) User(ctx context.Context, id int64) (User, error) {
	var user User
	err := c.Get(ctx, c.resource("users", id), &user)
	return user, err
}

// Users yields the users that match query.
func (c *Client) Users(ctx context.Context, query url.Values) iter.Seq2[User, error] {
	return list[User](ctx, c, "users", query)
}

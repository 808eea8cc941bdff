package rossumapi

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
)

// Page is one page of a list.
type Page[T any] struct {
	Results   []T
	Total     int    // of all pages; 0 where the endpoint uses a cursor
	Sideloads Object // top-level lists asked for with sideload, as sent
}

// decodePage reads a page in the offset and the cursor form.
func decodePage[T any](data []byte) (page Page[T], next string, err error) {
	var members Object
	if err := json.Unmarshal(data, &members); err != nil {
		return page, "", err
	}
	var pagination struct {
		Total *int    `json:"total"`
		Next  *string `json:"next"`
	}
	for _, m := range members {
		switch m.Key {
		case "pagination":
			err = json.Unmarshal(m.Value, &pagination)
		case "results":
			err = json.Unmarshal(m.Value, &page.Results)
		default:
			page.Sideloads = append(page.Sideloads, m)
		}
		if err != nil {
			return page, "", err
		}
	}
	if pagination.Total != nil {
		page.Total = *pagination.Total
	}
	if pagination.Next != nil {
		next = *pagination.Next
	}
	return page, next, nil
}

// pages follows pagination.next as given until it is null: works for pages by
// number and for cursors.
func pages[T any](ctx context.Context, c *Client, first request) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		for r := first; ; {
			var raw json.RawMessage
			if err := c.do(ctx, r, &raw); err != nil {
				yield(Page[T]{}, err)
				return
			}
			page, next, err := decodePage[T](raw)
			if err == nil && next == r.url {
				err = errors.New("rossum: list does not advance")
			}
			if !yield(page, err) || err != nil || next == "" {
				return
			}
			r.url = next
		}
	}
}

// list yields the objects of all pages, up to the first error.
func list[T any](ctx context.Context, c *Client, collection string, query url.Values) iter.Seq2[T, error] {
	return objectsOf(pages[T](ctx, c, get(withQuery(c.URL(collection), pageSize(query)))))
}

func objectsOf[T any](pages iter.Seq2[Page[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, object := range page.Results {
				if !yield(object, nil) {
					return
				}
			}
		}
	}
}

// pageSize asks for the largest page unless the caller has chosen.
func pageSize(query url.Values) url.Values {
	sized := url.Values{"page_size": {"100"}}
	for key, values := range query {
		sized[key] = values
	}
	return sized
}

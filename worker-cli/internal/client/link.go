package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Link hands in a signed link. After an error without a Code it is unknown
// whether it counted; handing it in again does no harm.
func (c *Client) Link(ctx context.Context, l api.Link) (api.LinkResponse, error) {
	sent, err := json.Marshal(l)
	if err != nil {
		return api.LinkResponse{}, fmt.Errorf("encode the link: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, c.base.JoinPath(api.LinkPath), http.Header{}, sent)
	if err != nil {
		return api.LinkResponse{}, err
	}
	var answer api.LinkResponse
	if json.Unmarshal(body, &answer) != nil || !strings.EqualFold(answer.Address, l.WorkerAddress) || answer.SolanaAddress != l.SolanaAddress {
		return api.LinkResponse{}, garbage("an answer to this link", body)
	}
	switch answer.Status {
	case api.Linked, api.Relinked, api.AlreadyLinked:
		return answer, nil
	}
	return api.LinkResponse{}, garbage("an answer to this link", body)
}

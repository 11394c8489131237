"""Roll-outs: what their guards see of live traffic, and who looks after them."""

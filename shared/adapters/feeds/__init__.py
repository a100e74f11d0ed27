"""What all suppliers of public data share: how they are asked, what is kept of their answers, and how often they may be asked."""

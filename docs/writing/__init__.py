"""What the site's pages are written from."""

"""What others have made and this program uses: looked up, checked, and never changed."""

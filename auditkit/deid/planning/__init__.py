"""What is to be done with each column: proposed from what it holds, edited by people."""

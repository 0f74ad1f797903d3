-- In a transaction of its own: the one before holds a lock that keeps everyone out, and this one may take long.
UPDATE orders SET product = article WHERE product IS NULL

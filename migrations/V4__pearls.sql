-- A lead remembers in which pearl each of its NLPearl ids is; until now only links did.
UPDATE lead SET state = json_set(state, '$.pearls', json(known.pearls))
FROM (SELECT lead AS key, json_group_object(id, pearl_id) AS pearls FROM link
      WHERE pearl_id IS NOT NULL GROUP BY lead) AS known
WHERE lead.lead = known.key;
